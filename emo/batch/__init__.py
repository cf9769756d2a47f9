"""Answer for any number of recordings, in a file that a later run goes on from."""
