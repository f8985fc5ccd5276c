from musicgen.notation.headers import split_header


def test_header_ends_with_key():
    fields, body, problem = split_header("X:1\nT: The Reel \nK:D % bright\nabc|\nK:G\ndef|\n")
    assert fields == (("X", "1"), ("T", "The Reel"), ("K", "D"))
    assert body == "abc|\nK:G\ndef|\n"
    assert problem is None


def test_comments_and_empty_lines_are_skipped():
    assert split_header("\n%%MIDI program 1\nX:1\n% note\nK:C\nA|")[0] == (("X", "1"), ("K", "C"))


def test_plus_line_continues_a_value():
    assert split_header("T:The\n+:Reel\nK:C\n")[0] == (("T", "The Reel"), ("K", "C"))
    assert split_header("T:\n+:Reel\nK:C\n+:\n")[0] == (("T", "Reel"), ("K", "C"))


def test_without_key_the_header_ends_before_the_music():
    fields, body, problem = split_header("X:1\nM:4/4\nABcd|\n\nmore")
    assert fields == (("X", "1"), ("M", "4/4"))
    assert body == "ABcd|\n\nmore"
    assert problem is None


def test_key_after_an_empty_line_belongs_to_another_header():
    fields, body, _ = split_header("X:1\nM:4/4\nABcd|\n\nX:2\nK:G\nG4|")
    assert fields == (("X", "1"), ("M", "4/4"))
    assert body.startswith("ABcd|")


def test_music_without_header_is_all_body():
    assert split_header("ABc|\nK:G\ndef|") == ((), "ABc|\nK:G\ndef|", None)


def test_other_lines_in_the_header_are_skipped():
    fields, body, problem = split_header("X:1\nN bars are missing\nM:3/4\nK:G\nABc|")
    assert fields == (("X", "1"), ("M", "3/4"), ("K", "G"))
    assert body == "ABc|"
    assert problem == "header line 'N bars are missing' is not a field"


def test_value_may_start_with_a_colon():
    assert split_header("X:1\nN::1st setting\nK:G\n")[0][1] == ("N", ":1st setting")


def test_text_blocks_in_the_header_are_skipped():
    fields, body, problem = split_header("X:1\n%%beginsvg\nK:E\n\n<g>\n%%endsvg\nK:C\n+:=f\nABc|")
    assert (fields, body, problem) == ((("X", "1"), ("K", "C =f")), "ABc|", None)


def test_empty_text():
    assert split_header("") == ((), "", None)
