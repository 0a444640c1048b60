"""The first file an image runs, with `python -I -S -B`: says where code may come from, and starts the launcher."""

import sys

sys.path += ["/sandbox", "/opt/site"]

import main

main.main()
