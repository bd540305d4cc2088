// How the browsers are started, and what a first visit costs.

/** Of Chromium. */
export const FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--use-fake-device-for-media-stream',
  // The tests speak to this machine only.
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** When a page that was just opened showed a recorded episode, what had come by then, and how far things moved. */
export async function firstContent(page) {
  await page.getByTestId('answer-name').filter({ hasText: /./ }).waitFor();
  return page.evaluate(async () => {
    const [{ startTime: milliseconds }] = performance.getEntriesByName('episode');
    const [{ transferSize }] = performance.getEntriesByType('navigation');
    const before = performance
      .getEntriesByType('resource')
      .filter(({ responseEnd }) => responseEnd <= milliseconds);
    const bytes = before.reduce((sum, entry) => sum + entry.transferSize, transferSize);
    const shifts = await new Promise((resolve) => {
      const observer = new PerformanceObserver((list) => resolve(list.getEntries()));
      observer.observe({ type: 'layout-shift', buffered: true });
      setTimeout(resolve, 1000, []);
    });
    const shift = shifts.reduce((sum, { value }) => sum + value, 0);
    return { milliseconds, bytes, shift };
  });
}
