"""`doctor`: finds what is wrong with a project, tells its cause and what mends it, and mends what is safe to mend."""
