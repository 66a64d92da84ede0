"""``python -m i2i`` is the same as ``i2i``. May import ``cli``."""

from i2i.cli.main import main

if __name__ == "__main__":
    main()
