//! The page's markup against the rules that it repeats: what the board has room for, and the size of a picture.

use std::fs;
use std::path::Path;

use link_context::episode::{CONCEPTS, PICTURE_LIMIT};
use link_context::picture::Square;

fn index() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("www/index.html")).unwrap()
}

#[test]
fn the_board_has_room_for_what_an_episode_holds() {
    let (least, most) = (CONCEPTS.start(), CONCEPTS.end());
    let room =
        format!(r#"data-least="{least}" data-most="{most}" data-pictures="{PICTURE_LIMIT}""#);
    assert!(index().contains(&room), "the board has not {room}");
}

#[test]
fn pictures_are_shown_in_the_size_that_the_model_sees() {
    let size = Square::SIZE;
    let html = index();
    let canvases: Vec<&str> = html.split("<canvas").skip(1).collect();
    assert_eq!(canvases.len(), 2);
    for canvas in canvases {
        assert!(canvas.contains(&format!(r#"width="{size}" height="{size}""#)));
    }
}
