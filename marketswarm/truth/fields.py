"""What the sections of the truth document are made of: their base, and the kinds of value that more than one has."""

from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from marketswarm import names

MAX_INTERVAL_SEC: Final = 86_400
MAX_TIMEOUT_SEC: Final = 2_592_000
MAX_LINE: Final = 500
# ECMA and Rust read these alike: the schema and the validator share them.
TEXT: Final = r"^[^\s\u0000-\u001f\u007f-\u009f]*$"
SERVICE_NAME: Final = f"^(?:{names.SERVICE_NAME})$"
BUS_NAME: Final = r"^[a-z0-9][a-z0-9-]{0,62}$"


def _in_one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be one line of printable characters")
    return text


Text = Annotated[str, Field(min_length=1, max_length=256, pattern=TEXT)]
Line = Annotated[str, Field(max_length=MAX_LINE), AfterValidator(_in_one_line)]
ServiceName = Annotated[str, Field(pattern=SERVICE_NAME)]
BusName = Annotated[str, Field(pattern=BUS_NAME)]
IntervalSec = Annotated[float, Field(gt=0, le=MAX_INTERVAL_SEC)]
Count = Annotated[int, Field(ge=1, le=100)]
TimeoutSec = Annotated[float, Field(gt=0, le=MAX_TIMEOUT_SEC)]


class Section(BaseModel):
    """An object of the document. Unknown fields are kept."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True, serialize_by_alias=True)
