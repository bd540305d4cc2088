/** A photograph from this device's camera, which sees nothing before it is asked for and nothing after. */
import { byId, within } from './dom.js';
import { failure } from './engine.js';

/** @returns {Promise<File | null>} null where the person thought better of it */
export async function takePhoto() {
  const dialog = byId('camera', HTMLDialogElement);
  const video = within(dialog, 'video', HTMLVideoElement);
  /** @type {MediaStream} */
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
  } catch (error) {
    throw { ...failure('camera-unavailable'), detail: { message: String(error) } };
  }
  try {
    video.srcObject = stream;
    await video.play();
    dialog.returnValue = '';
    for (const button of dialog.querySelectorAll('button')) {
      button.onclick = () => dialog.close(button.value);
    }
    dialog.showModal();
    await new Promise((done) => dialog.addEventListener('close', done, { once: true }));
    if (dialog.returnValue !== 'take') return null;
    const canvas = document.createElement('canvas');
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext('2d')?.drawImage(video, 0, 0);
    const blob = await new Promise((done) => canvas.toBlob(done, 'image/png'));
    return blob && new File([blob], 'camera.png', { type: 'image/png' });
  } finally {
    video.srcObject = null;
    for (const track of stream.getTracks()) track.stop();
  }
}
