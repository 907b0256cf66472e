"""Which words refuse an answer.

Two strengths. What stands in a box is a refusal if the whole of it is one of the known wordings, so
that a film called "Unknown Pleasures" is an answer. Prose without a box is one only where one of
its last sentences says so plainly and no guess follows.
"""

from __future__ import annotations

import re

_NOT = (
    r"(?:do not|don t|dont|does not|doesn t|did not|didn t|can not|cannot|can t|cant|could not"
    r"|couldn t)"
)
_SETTLE = (
    r"(?:know|say|tell|answer|determine|verify|confirm|find|recall|remember|identify|establish"
    r"|predict|provide)"
)
_SETTLED = (
    r"(?:known|determined|answered|said|told|verified|confirmed|established|identified|predicted"
    r"|found|decided|ascertained|specified|available|recorded|documented|stated|given|provided)"
)
_FACTS = r"(?:information|data|evidence|context|details?|knowledge|facts?)"
_UNKNOWN = (
    r"(?:unknown|unknowable|unanswerable|undetermined|undeterminable|indeterminate|unclear"
    r"|unspecified|undisclosed|unsure|uncertain)"
)
# What may follow a refusal without taking it back.
_ABOUT = (
    r"(?: (?:the|this|that|any|an|a) (?:right |correct |exact |specific |true )?"
    r"(?:answer|question|fact|information))?(?: to (?:this|the|that) question)?"
    r"(?: (?:for sure|for certain|with certainty|at (?:this time|present)|yet|sorry|enough))?"
)
_FROM = (
    r"(?: (?:from|by|based on|with|given) (?:the |this |what is )?"
    r"(?:available |given |provided |current )?"
    r"(?:information|data|evidence|context|question|given|knowledge)"
    r"(?: (?:alone|given|provided|available))?)?"
)
_SUBJECT = (
    r"(?:(?:it|this|that"
    r"|the (?:exact |correct )?(?:answer|question)(?: to (?:this|the) question)?) )?"
)
_IS = r"(?:(?:is|was|are|remains|s) )?(?:currently |still |simply |not publicly )?"

_WHOLE = re.compile(
    rf"(?:sorry |i m sorry |unfortunately |i am sorry |but )*(?:"
    rf"(?:i |we )?(?:honestly |really |simply )?{_NOT} {_SETTLE}{_ABOUT}{_FROM}"
    rf"|(?:nobody|no one|noone) (?:really )?knows{_ABOUT}"
    rf"|i (?:have|ve) no (?:idea|clue)"
    rf"|(?:i m |i am |we are )?(?:not (?:sure|certain)|unsure|uncertain|unable to {_SETTLE})"
    rf"{_ABOUT}{_FROM}"
    rf"|{_SUBJECT}{_IS}{_UNKNOWN}{_FROM}(?: to (?:me|us|anyone|science))?(?: {_UNKNOWN})?"
    rf"|{_SUBJECT}{_IS}(?:not|never|un) ?(?:yet |been |be |publicly |reliably )*{_SETTLED}{_FROM}"
    rf"|{_SUBJECT}(?:can not|cannot|can t|could not|couldn t) be (?:\w+ )?{_SETTLED}{_FROM}"
    rf"|{_SUBJECT}{_IS}(?:impossible|not possible) to {_SETTLE}{_ABOUT}{_FROM}"
    rf"|(?:there is |i (?:do not|don t) have |we (?:do not|don t) have )?"
    rf"(?:not (?:enough|sufficient)|insufficient|no|not any|lack of|enough|any) "
    rf"(?:reliable |available |sufficient |verified |public |such )*{_FACTS}"
    rf"(?: (?:available|given|provided|found|to (?:answer|say|tell|know|determine)"
    rf"(?: (?:this|the question|it))?))*"
    rf"|(?:there is )?no (?:(?:definitive|definite|known|single|correct|right|clear|possible|true"
    rf"|one) )*answer(?: (?:exists|known|available))?"
    rf"|(?:the question |this question |it |this )?has no (?:known |definite |correct )?answer"
    rf"|(?:the |this )?{_FACTS} (?:is )?(?:not (?:publicly )?{_SETTLED}|unavailable)"
    rf"|no one (?:can|could) {_SETTLE}|nobody (?:can|could) {_SETTLE}"
    rf"|idk|n a|na|not applicable|i (?:abstain|pass)|no comment|i (?:decline|refuse) to answer"
    rf")"
)
_PLAIN = re.compile(
    rf"\b(?:i|we) (?:\w+ )?{_NOT} (?:\w+ )?(?:know|recall|remember|answer|determine|say|tell|verify"
    rf"|confirm|identify|provide)\b"
    rf"|\b(?:i|we) (?:have|ve) no (?:idea|clue|information|knowledge|data|record)\b"
    r"|\b(?:i|we) (?:do not|don t) have (?:\w+ ){0,6}?"
    r"(?:information|knowledge|data|access|record|answer)\b"
    rf"|\b(?:i m|i am|we are) (?:not (?:sure|certain|aware|able)|unsure|unable|unaware)\b"
    rf"|\b(?:nobody|no one|noone) (?:\w+ )?(?:knows|can (?:know|say|tell|answer))\b"
    rf"|\b(?:not enough|insufficient|not sufficient|no reliable) {_FACTS}\b"
    rf"|\b(?:can not|cannot|can t|could not|couldn t) be (?:\w+ )?{_SETTLED}\b"
    rf"|\b(?:impossible|not possible) to {_SETTLE}\b"
    rf"|\b(?:answer|it|this) (?:is|remains) (?:\w+ )?(?:unknown|unknowable|not known)\b"
    rf"|\bquestion (?:is unanswerable|has no (?:\w+ )?answer|cannot be answered)\b"
    rf"|\bthere is no (?:\w+ )?answer\b"
    rf"|\b(?:i|we) (?:must |have to |will )?(?:decline|refuse|abstain)\b"
    rf"|^(?:unknown|unanswerable|unknowable|idk|n a)$"
)
_GUESS = re.compile(
    r"\b(?:my (?:best )?(?:guess|answer)|best guess"
    r"|i (?:would|ll|will|d|can)? ?(?:guess|go with|say|bet)"
    r"|i (?:think|believe|suppose|suspect) it|probably|most likely|likely|perhaps|maybe"
    r"|(?:the|final|correct) answer is"
    r" (?!(?:\w+ ){0,2}(?:unknown|unknowable|not known|unclear)))\b"
)
_SENTENCE_END = re.compile(r"[.!?]+(?:\s+|$)|\n+")
_NOISE = re.compile(r"[^\w]+")
_LAST_SENTENCES = 3
_LONGEST_ENDING = 1000


def is_refusal(text: str) -> bool:
    """Whether the whole of a short text refuses an answer.

    A reason in parentheses or after a dash, colon or semicolon may follow.

    Examples
    --------
    >>> is_refusal("It cannot be determined."), is_refusal("Unknown Pleasures")
    (True, False)
    """
    if len(text) > _LONGEST_ENDING:
        return False
    words = _words(text)
    first = _words(
        re.split(r"[(;:—–]|\. | - |, (?=as |because |since |but |so |the |there )", text)[0]
    )
    return any(_WHOLE.fullmatch(part) is not None for part in (words, first) if part)


def ends_in_refusal(text: str) -> bool:
    """Whether prose ends with a plain refusal, with no guess after it.

    Examples
    --------
    >>> ends_in_refusal("It was in Asia. I am sorry, but I don't know who won.")
    True
    >>> ends_in_refusal("I don't know for sure, but my guess is Paris.")
    False
    """
    ending = re.sub(r"CONF[ \t]{0,4}=.*", " ", text[-_LONGEST_ENDING:])
    sentences = [words for part in _SENTENCE_END.split(ending) if (words := _words(part))]
    refuses = False
    for sentence in sentences[-_LAST_SENTENCES:]:
        if _GUESS.search(sentence):
            refuses = False
        elif _PLAIN.search(sentence):
            refuses = True
    return refuses


def _words(text: str) -> str:
    """Lower case, with one space for anything that is no letter or digit."""
    return _NOISE.sub(" ", text.casefold()).strip()
