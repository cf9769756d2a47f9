"""Work with the operating system: files, lists, processes and optional packages."""
