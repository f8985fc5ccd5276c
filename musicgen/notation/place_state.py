"""The state of reading a text for the place of its next character (place.py): an array of integers."""

WHOLE_NOTE = 13440
"""In ticks. An eighth has 1680 ticks, which is divisible by 2, 3, 5 and 7."""

RESET, NONE, BAR, MOVED = -1, 0, 1, 2
"""The effect of a character on the bars: a new tune begins; none; a bar begins after it; the current bar
begins only after it (a second bar line, or a pickup that belongs to the bar before)."""

(
    IN_BODY,
    AT_LINE_START,
    FIRST,  # the line's first character while it may still be a field letter
    FIELD,  # letter of the field whose value is being read
    IS_INLINE,
    SKIP,  # the character that ends the quoted text, grace notes or decoration being skipped
    PREVIOUS,
    SUM,
    TOP,
    BOTTOM,
    IN_BOTTOM,
    METER,  # ticks of a bar; 0 in free meter
    UNIT,  # ticks of a note without a number
    BEFORE,  # ticks of the bar before the last note
    ELAPSED,  # ticks of the bar with it
    BASE,  # ticks of the last note without its number
    OVER,
    UNDER,
    SLASHES,
    NOTE_IS_OPEN,
    BROKEN,  # signs of broken rhythm after the last note
    LAST,  # ticks of the note before them
    NEXT,  # length of the next note in eighths of its written length
    TUPLET_PART,  # which number of a tuplet is being read, from 1
    TUPLET_P,
    TUPLET_Q,
    TUPLET_R,
    TUPLET_LEFT,  # remaining notes of the tuplet
    TUPLET_OVER,  # numerator of the factor on their lengths
    TUPLET_UNDER,
    IN_CHORD,
    CHORD_HAS_NOTE,
    IS_EMPTY,  # no note or rest since the bar line
    AT_SECTION_START,
    NUMBER,  # whole bars since the section began
    NUMBER_BEFORE,  # the same at the last repeat sign
    PICKUP,  # ticks of the section's pickup; 0 without one
    SECTIONS,  # sections with a whole bar that have ended
    MODE,  # of the last key, one of the modes below
    KEY_PART,  # letters of the key that have been read, up to 4
    NUM_FIELDS,
) = range(41)
NUM_COLUMNS = 9
NO_MODE, MAJOR, MINOR, DORIAN, MIXOLYDIAN, LYDIAN, PHRYGIAN = range(7)
NUM_MODES = 7
MAX_NUMBER = 10**6
"""Numbers in the text saturate here."""
MAX_BAR_TICKS = 2**31 - 1
"""Bar lengths saturate here, so that their product with a number in the text cannot overflow."""
