/** The page in a frame: the element with the episode that the address names, `#episode=…` or `?episode=FILE` on this site. */
import './trusted.js';
import './pkg/element.js';

const element = document.createElement('link-context-episode');
element.setAttribute('pack', 'pack/');

function show() {
  const file = new URLSearchParams(location.search).get('episode');
  if (location.hash) element.setAttribute('episode', location.hash.slice(1));
  else if (file) element.setAttribute('src', file);
}

const [language] = navigator.languages;
document.documentElement.lang = new URLSearchParams(location.search).get('lang') ?? language;
show();
window.addEventListener('hashchange', show);
document.querySelector('main')?.append(element);
