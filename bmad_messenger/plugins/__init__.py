"""What others may add to the messenger, and how: the hooks, their loading, and the plugins that come with it."""
