"""Like messages counted together: `messages` out of blocks, `grouper`, `merging` for words that vary."""
