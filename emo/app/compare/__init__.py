"""The page *Compare clips*."""
