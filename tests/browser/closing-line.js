/** Ends a run with one plain line of counts, which `cargo xtask test` reads. */
export default class ClosingLine {
  onBegin(_config, suite) {
    this.suite = suite;
  }

  onEnd() {
    const counts = { expected: 0, flaky: 0, unexpected: 0, skipped: 0 };
    for (const test of this.suite.allTests()) counts[test.outcome()] += 1;
    const passed = counts.expected + counts.flaky;
    console.log(
      `browser: ${passed} passed, ${counts.unexpected} failed, ${counts.skipped} skipped`,
    );
  }
}
