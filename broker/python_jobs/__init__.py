"""Python jobs: the header, an early scan and the sandbox request. Pure; never runs, compiles or trusts a script."""
