"""The command line: one module for each command or small family of them; they parse, call and print."""
