"""Python jobs: the header, a courtesy scan and the sandbox request. Pure; never runs, compiles or trusts a script."""
