"""What the build of the site runs, and the tests of examples leave alone."""

collect_ignore = ["_extensions", "figures"]
