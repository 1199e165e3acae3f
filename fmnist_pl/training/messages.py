"""What the parser says, in fewer words."""

import re

UNION = re.compile(
    r'Parser key "(?P<key>[^"]+)": .*?Does not validate against any of the Union subtypes Subtypes: .*? '
    r"Errors: (?P<errors>.*?) Given value type: .*? Given value: (?P<value>.*)$"
)
SUBJECT = re.compile(r'Parser key "([^"]+)": ')
HELP = "(--help explains every option)"


def in_few_words(message: str) -> str:
    """A message of jsonargparse without the types that were tried and the words that are for programmers."""
    message = " ".join(message.replace(HELP, "").split())
    union = UNION.match(message)
    if union:
        tried = [text.strip() for text in re.split(r"(?:^| )- ", union["errors"]) if text.strip()]
        told = [text for text in tried if "NoneType" not in text] or tried
        plain = "Got value" not in union["errors"] and not union["value"].startswith(("{", "NestedArg"))
        message = f"{union['key']}: {'; or '.join(told)}" + (f"; got {union['value']}" if plain else "")
    message = SUBJECT.sub(r"\1: ", message)
    message = re.sub(r"<class '(?:\w+\.)*(\w+)'>", r"\1", message)
    message = re.sub(r"(?:typing\.)?Literal\[([^\]]+)\]", r"one of \1", message)
    message = re.sub(r"Expected an? (one of|int|float|bool|str)\b", r"expected \1", message)
    return re.sub(r"\.? Got value: ", "; got ", message)
