"""Each outcome of grading, with the reason for it in the name of the case."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saeval.tasks.grading.match import gold_variants, grade_answer, matches_gold
from saeval.tasks.grading.normalize import normal_forms
from saeval.tasks.grading.quantities import Date, parse_dates, parse_quantity
from saeval.tasks.types import ParsedResponse

RIGHT = {
    "the same words": ("Michio Sugeno", "Michio Sugeno"),
    "an alias": ("soccer", "association football|football|soccer"),
    "case does not matter": ("MICHIO SUGENO", "Michio Sugeno"),
    "an article more": ("the Beatles", "Beatles"),
    "an article less": ("Beatles", "The Beatles"),
    "a full stop less": ("Ted Cruz", "Ted Cruz."),
    "quotes less": ("Diamond Heart", '"Diamond Heart"'),
    "typographic quotes and dashes": ("Levi’s – Jeans", "Levi's - Jeans"),
    "spaces around": ("Mizoram", "  Mizoram "),
    "accents missing": ("Kylian Mbappe", "Kylian Mbappé"),
    "accents too many": ("Kylián Mbappé", "Kylian Mbappe"),
    "letters with strokes": ("Lodz", "Łódź"),
    "eszett": ("Strasse", "Straße"),
    "initials with and without stops": ("TS Eliot", "T. S. Eliot"),
    "a possessive as TriviaQA's normal form has it": ("People's Republic", "people s republic"),
    "a hyphen for a space": ("Tord-Anders", "Tord Anders"),
    "an ampersand is and": ("Simon & Garfunkel", "Simon and Garfunkel"),
    "a title more": ("Dr. Elizabeth Dennis", "Elizabeth Dennis"),
    "a title less": ("Henry Cole", "Sir Henry Cole"),
    "a parenthesis that only explains": ("Paris (France)", "Paris"),
    "a gold's parenthesis that only explains": ("Saint Ives", "Saint Ives (film)"),
    "a gold's acronym": ("ISKA", "International Sport Kickboxing Association (ISKA)"),
    "a gold's other name in parentheses": ("collier", "tramp steamer (or collier)"),
    "a gold's other name after aka": ("Miss Matty Cocke", "Martha Cocke a.k.a Miss Matty Cocke"),
    "another script": ("北京", "北京"),
    "a sign": ("☿", "☿"),
    "a number with thousands separators": ("1,132", "1132"),
    "a number with spaces for thousands": ("10 990 502", "10,990,502"),
    "a number in words": ("fifty-two", "52"),
    "a long number in words": ("one thousand, one hundred and thirty-two", "1132"),
    "a gold in words": ("4", "four"),
    "millions": ("118 million", "118,000,000"),
    "zeros after the point": ("2.50", "2.5"),
    "an ordinal": ("6th", "sixth"),
    "percent as a word": ("55 percent", "55%"),
    "a unit left out": ("20", "20 feet."),
    "a unit abbreviated": ("110.5 m", "110.50 metres"),
    "a currency as a word": ("3,000 dollars", "$3,000"),
    "a bare number of times": ("4 times", "4"),
    "about a number": ("about 200", "200"),
    "a minus sign of print": ("−5", "-5"),
    "a range of years with a dash": ("2008-09", "2008–09"),
    "the upper bound of a gold's range": (
        "152",
        "150 (acceptable range: anything between 148 and 152)",
    ),
    "the gold of a range": ("150", "150 (acceptable range: anything between 148 and 152)"),
    "inside a range with a unit": (
        "391 m",
        "390 metres (acceptable range: anything between 386 and 394 metres)",
    ),
    "inside a range of percents": (
        "2.6%",
        "2.61% (acceptable range: anything between 2.58% and 2.64%)",
    ),
    "inside a range of times": (
        "41:19",
        "41:18 (acceptable range: anything between 41:17 and 41:19)",
    ),
    "inside a range of ordinals": (
        "52nd",
        "53rd minute (acceptable range: anything between 52nd and 54th minute)",
    ),
    "a date in American order": ("December 14, 1972", "14 December 1972 UTC"),
    "a date with an ordinal": ("14th of December, 1972", "14 December 1972"),
    "a date abbreviated": ("Dec. 14, 1972", "14 December 1972"),
    "a date with its weekday": ("Thursday, December 14, 1972", "14 December 1972"),
    "a date in ISO form": ("1972-12-14", "December 14, 1972"),
    "a date with slashes, month first": ("12/14/1972", "December 14, 1972"),
    "a date with dots, day first": ("14.12.1972", "December 14, 1972"),
    "a month and year with a comma": ("October 2015", "October, 2015"),
    "a date that says more than was asked": ("14 December 1972", "December 1972"),
    "a date where a year was asked": ("14 December 1972", "1972"),
    "a year with in": ("1966", "in 1966"),
    "a year before 1000 in words of a date": ("3 October 924", "October 3, 924"),
    "a time with a leading zero": ("03:11:22", "3:11:22"),
    "a range of another shape is no part of the gold": (
        "10 years 3 months",
        "10 years 3 months (acceptable range: 10 years and between 2-4 months)",
    ),
    "a list in another order": ("B, A", "A and B"),
    "a list with an Oxford comma": ("A, B and C", "A, B, and C"),
    "a list with semicolons": ("Red; Green", "Green, Red"),
    "a list of numbers with words": ("49 nays and 50 yeas", "50 Yeas and 49 Nays"),
    "a list of several golds": ("Travis Tritt and Marty Stuart", "Marty Stuart|Travis Tritt"),
    "a word that is an article at its end": ("vitamin A", "Vitamin A"),
}

WRONG = {
    "another name": ("Bonn", "Ulm"),
    "the gold inside a longer wrong name": ("Paris Hilton", "Paris"),
    "the gold inside a longer word": ("Ulmer", "Ulm"),
    "half of the gold": ("Paris", "Paris Hilton"),
    "a surname alone": ("Pauling", "Linus Pauling"),
    "a name with another generation": ("Al Gore Jr.", "Al Gore"),
    "the gold negated": ("not Ulm", "Ulm"),
    "two answers where one is right": ("Ulm or Bonn", "Ulm"),
    "two answers as a list": ("Ulm, Bonn", "Ulm"),
    "a hedge in parentheses": ("Ulm (or Bonn)", "Ulm"),
    "a sentence around the gold": ("He was born in Ulm", "Ulm"),
    "nothing but punctuation": ("?", "Ulm"),
    "another number": ("53", "52"),
    "the sign missing": ("5", "-5"),
    "the point missing": ("25", "2.5"),
    "near, where the gold gives no range": ("151", "150"),
    "outside a range": ("153", "150 (acceptable range: anything between 148 and 152)"),
    "inside a range in another unit": (
        "391 feet", "390 metres (acceptable range: anything between 386 and 394 metres)",
    ),
    "outside a range of times": (
        "41:20", "41:18 (acceptable range: anything between 41:17 and 41:19)",
    ),
    "the number in another unit": ("20 metres", "20 feet"),
    "the sum in another currency": ("€10", "$10"),
    "a unit that nobody asked for": ("4 dogs", "4"),
    "a number that is part of a name": ("50", "50 Cent"),
    "a film for a number": ("Seven Samurai", "7"),
    "a version for a number": ("1.0.6.2", "1.0.6.1"),
    "another time": ("3:11:23", "3:11:22"),
    "another day": ("15 December 1972", "14 December 1972"),
    "another month": ("14 November 1972", "December 1972"),
    "a day that does not exist": ("February 30, 2000", "February 28, 2000"),
    "a date that says less than was asked": ("1972", "14 December 1972"),
    "a month that says less than was asked": ("December 1972", "14 December 1972"),
    "a list that lacks a part": ("A", "A and B"),
    "a list with a part too many": ("A, B, C", "A and B"),
    "a list that repeats a part": ("A and A", "A and B"),
    "a vitamin is not any vitamin": ("vitamin", "vitamin A"),
    "a language is not its ancestor": ("C", "C++"),
    "an acronym of something else": ("ISCA", "International Sport Kickboxing Association (ISKA)"),
    "a parenthesis of the gold alone": ("film", "Saint Ives (film)"),
    "a megabyte of the gold": ("Ulm " * 250_000, "Ulm"),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_right(name):
    answer, golds = RIGHT[name]
    assert matches_gold(answer, golds.split("|"))


@pytest.mark.parametrize("name", WRONG)
def test_wrong(name):
    answer, golds = WRONG[name]
    assert not matches_gold(answer, golds.split("|"))


BY_THE_QUESTION = {
    "a word of the question before it": ("Which lake is largest?", "Lake Erie", "Erie", True),
    "a word of the question after it": (
        "Which lake is largest?",
        "Manasbal",
        "Manasbal Lake",
        True,
    ),
    "a unit of the question": ("How many seats are there?", "827 seats", "827", True),
    "the gold's word of the question left out": (
        "How many seats are there?",
        "827",
        "827 seats",
        True,
    ),
    "a currency of the question by its sign": (
        "How much (in USD) was it?",
        "$1,650",
        "1,650",
        True,
    ),
    "a place with in, where a place is asked": (
        "Where is it?",
        "in Ulm, Swabia",
        "Ulm, Swabia",
        True,
    ),
    "a gold with a preposition": ("When was it?", "2026", "by 2026", True),
    "a title with in, where a song is asked": ("Which song is it?", "Bloom", "In Bloom", False),
    "a word that the question lacks": ("Which is largest?", "Lake Erie", "Erie", False),
    "different words of the question on both sides": (
        "Which college or university?",
        "Yale College",
        "Yale University",
        False,
    ),
    "nothing but words of the question": ("Lake Erie or Lake Ontario?", "Lake", "Lake Erie", False),
    "a negation of the question": ("Which is not a planet?", "not Pluto", "Pluto", False),
    "a number of the question": ("Who came after Henry 1?", "Henry 1", "Henry", False),
}


@pytest.mark.parametrize("name", BY_THE_QUESTION)
def test_words_of_the_question_may_be_added_or_left_out(name):
    question, answer, gold, right = BY_THE_QUESTION[name]
    assert matches_gold(answer, [gold], question) is right


ROW = {"question": "Where was Einstein born?", "answers": ["Ulm", "City of Ulm"], "target": "RIGHT"}
OPEN = {"question": "Who will win in 2090?", "answers": [], "target": "UNKNOWN"}

READINGS = {
    "right": (
        ROW,
        "\\boxed{Ulm}\nCONF=0.9",
        ParsedResponse("RIGHT", "answered", 0.9, "Ulm", False),
    ),
    "right by an alias": (
        ROW,
        "\\boxed{city of Ulm}",
        ParsedResponse("RIGHT", "answered", None, "city of Ulm", False),
    ),
    "wrong": (
        ROW,
        "\\boxed{Bonn}\nCONF=0.9",
        ParsedResponse("WRONG", "answered", 0.9, "Bonn", False),
    ),
    "wrong with the right answer in the reasoning": (
        ROW,
        "<think>Ulm? No.</think>\\boxed{Bonn}",
        ParsedResponse("WRONG", "answered", None, "Bonn", True),
    ),
    "wrong with the right answer in an earlier box": (
        ROW,
        "\\boxed{Ulm}, no: \\boxed{Bonn}",
        ParsedResponse("WRONG", "answered", None, "Bonn", True),
    ),
    "wrong with a longer word in the reasoning": (
        ROW,
        "Ulmer Münster. \\boxed{Bonn}",
        ParsedResponse("WRONG", "answered", None, "Bonn", False),
    ),
    "declined": (
        ROW,
        "\\boxed{Unknown}\nCONF=0.2",
        ParsedResponse("UNKNOWN", "abstained", 0.2, "Unknown", False),
    ),
    "declined with the right answer in the reasoning": (
        ROW,
        "It may be Ulm. \\boxed{Unknown}",
        ParsedResponse("UNKNOWN", "abstained", None, "Unknown", True),
    ),
    "declined without a box": (
        ROW,
        "I don't know.",
        ParsedResponse("UNKNOWN", "abstained", None, None, False),
    ),
    "unreadable": (ROW, "Bonn.", ParsedResponse(None, "invalid", None, None, False)),
    "unreadable with the right answer in it": (
        ROW,
        "Ulm.",
        ParsedResponse(None, "invalid", None, None, True),
    ),
    "an answer to a question without one is wrong": (
        OPEN,
        "\\boxed{Brazil}\nCONF=0.1",
        ParsedResponse("WRONG", "answered", 0.1, "Brazil", False),
    ),
    "declined where there is no answer": (
        OPEN,
        "\\boxed{It cannot be known}",
        ParsedResponse("UNKNOWN", "abstained", None, "It cannot be known", False),
    ),
}


@pytest.mark.parametrize("name", READINGS)
def test_reads_a_response(name):
    row, response, reading = READINGS[name]
    assert grade_answer(row, response) == reading


def test_words_that_decline_are_an_answer_where_they_are_the_right_one():
    sodium = {"question": "What is the symbol of sodium?", "answers": ["Na"]}
    assert grade_answer(sodium, "\\boxed{Na}").prediction == "RIGHT"
    assert grade_answer(sodium, "\\boxed{N/A, I don't know}").prediction != "RIGHT"


def test_the_prompts_own_unknown_declines_even_where_a_gold_is_that_word():
    film = {"question": "Which film of 2011 is it?", "answers": ["Unknown"]}
    assert grade_answer(film, "\\boxed{Unknown}").prediction == "UNKNOWN"


@pytest.mark.parametrize("gold", ["7", "x", "Einstein"])
def test_what_any_reasoning_mentions_says_nothing(gold):
    """Small numbers, single letters, and what the question itself names."""
    row = {"question": "Where was Einstein born?", "answers": [gold]}
    assert not grade_answer(row, f"Step {gold}. \\boxed{{Bonn}}").right_in_reasoning


def test_known_leniencies_are_the_documented_ones():
    """Wrong answers that this grader takes for right; a judge would not."""
    assert matches_gold("London (Ontario)", ["London"])
    assert matches_gold("6th", ["6"])
    assert matches_gold("3 January 1972", ["1972"])
    assert matches_gold("03/04/2001", ["March 4, 2001"])
    assert matches_gold("03/04/2001", ["April 3, 2001"])


def test_known_severities_are_the_documented_ones():
    """Right answers that this grader takes for wrong; a judge would not."""
    assert not matches_gold("Frankfurt", ["Frankfurt, Germany"])
    assert not matches_gold("Chaikovsky", ["Tchaikovsky"])
    assert not matches_gold("It was Ulm", ["Ulm"])


def test_a_gold_names_its_variants():
    assert gold_variants("Budshah Bridge, locally also known as Budshah Kadal.")[1:] == (
        "Budshah Bridge", "Budshah Kadal.",
    )  # fmt: skip
    assert gold_variants("4.5 m (15 ft)") == ("4.5 m (15 ft)", "4.5 m")


@pytest.mark.parametrize(
    "text",
    ["Apollo 11", "747-400", "U2", "1/4,000 sec", "2010–11", "two and a half", "half", "1.0.6.1"],
)
def test_what_only_holds_a_number_is_no_number(text):
    assert parse_quantity(text) is None


def test_dates_have_the_parts_that_were_written():
    assert parse_dates("December 1972") == (Date(1972, 12, None),)
    assert parse_dates("May 14") == (Date(None, 5, 14),)
    assert (
        parse_dates("1972")
        == parse_dates("Mayflower")
        == parse_dates("March of the Penguins")
        == ()
    )


@given(st.text(max_size=200))
def test_any_answer_equals_itself(text):
    assert matches_gold(text, [text])


@given(st.text(max_size=100), st.text(max_size=100))
def test_grading_never_raises_and_equality_of_plain_texts_goes_both_ways(one, other):
    matches_gold(one, [other])
    assert bool(normal_forms(one) & normal_forms(other)) == bool(
        normal_forms(other) & normal_forms(one)
    )


@given(st.integers(min_value=-(10**12), max_value=10**12))
def test_an_integer_is_itself_with_separators_and_no_other(number):
    assert matches_gold(f"{number:,}", [str(number)])
    assert not matches_gold(f"{number + 1:,}", [str(number)])


@given(st.dates())
def test_a_date_is_itself_in_every_format_and_not_the_next_day(day):
    gold = f"{day:%B} {day.day}, {day.year:04}"
    for form in (
        f"{day.day} {day:%B} {day.year:04}",
        f"{day:%b} {day.day}, {day.year:04}",
        day.isoformat(),
    ):
        if day.year >= 1000:
            assert matches_gold(form, [gold])
            assert not matches_gold(form, [gold.replace(f" {day.day},", f" {day.day % 28 + 1},")])


@pytest.mark.parametrize(
    "hostile",
    ["a " * 500_000, "(" * 1_000_000, "1," * 500_000, "\u0301" * 500_000, ", and" * 200_000,
     "\\boxed{" + "a, " * 300_000 + "}", "Ulm" * 300_000 + "\\boxed{x}"],
    ids=["articles", "parentheses", "digits", "accents", "lists", "boxed list", "reasoning"],
)  # fmt: skip
def test_a_megabyte_of_hostile_text_takes_linear_time(hostile):
    started = time.process_time()
    grade_answer(ROW, hostile)
    grade_answer(ROW, f"\\boxed{{{hostile[:999]}}}")
    assert time.process_time() - started < 5  # quadratic time would be hours


@pytest.mark.parametrize(
    "hostile",
    [
        "150 (acceptable range: " + "anything between 1 and 2 " * 800,
        "150 (acceptable range: anything " + "between " * 2_500 + "1 and 2)",
        "150 (acceptable range: between " + "1 and " * 3_000 + "2)",
        " " * 20_000 + "(",
        "(" * 20_000,
        "x aka " * 3_000,
        "a, " * 6_000,
        "x" + " " * 990 + "(y",
        ", ".join(f"x{number}" for number in range(150)),
    ],
    ids=["ranges", "betweens", "ands", "spaces", "parentheses", "aliases", "list", "gap", "parts"],
)
def test_a_hostile_gold_takes_linear_time(hostile):
    row = {**ROW, "answers": [hostile, f"Ulm {hostile}"[:1000]] * 20}
    answer = ", ".join(f"y{number}" for number in range(150))
    started = time.process_time()
    grade_answer(row, "\\boxed{150}")
    grade_answer(row, f"{hostile} \\boxed{{{answer}}}")
    assert time.process_time() - started < 10  # the cubic pattern took a minute for one gold


def test_a_gold_longer_than_any_answer_equals_none():
    long = "Ulm" + "m" * 1_000
    assert not matches_gold(long, [long])
    assert matches_gold("Ulm", [long, "Ulm"])
