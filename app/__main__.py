"""`python -m app` is the same program as `cxfacade`."""

from app.cli import main

if __name__ == "__main__":
    main()
