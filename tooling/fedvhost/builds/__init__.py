"""Where packages are built: the record of a build, the SRPM, and the systems that build it."""
