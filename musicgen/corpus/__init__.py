"""From files of ABC notation to tunes, splits, vocabulary and training windows."""
