"""The page *Teach it*."""
