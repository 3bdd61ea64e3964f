#!/bin/sh
# The JSON of rustdoc is not stable yet, so the stable one is told to write it all the same.
RUSTC_BOOTSTRAP=1 exec rustdoc "$@"
