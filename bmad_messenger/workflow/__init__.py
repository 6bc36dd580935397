"""The workflow engine: steps that invoke tasks, wait and ask; a run is a file, so that it outlives anything."""
