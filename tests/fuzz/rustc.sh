#!/bin/sh
# A compiler that counts which branches run, for libFuzzer, as cargo-fuzz asks rustc to. Only for the workspace's own crates
# (RUSTC_WORKSPACE_WRAPPER), so that those of others are not built anew.
exec "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
  -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions
