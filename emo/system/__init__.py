"""Work with the operating system: files, lists, processes and optional packages.

``filenames`` cleans names; ``files`` checks paths; ``lists`` decodes lists of paths; ``packages``
checks for optional packages; ``paths`` has the folders of the package; ``spawn`` starts workers.
"""
