"""What the chapters of the story share: who is who, where things are, and how fast time runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from crisisapi.story.client import Client
from crisisapi.story.stage import HookReceiver, MailServer
from crisisapi.story.telling import Teller

AGENCY = "harbour"
AGENCY_NAME = "Harbour & Vale"
PASSWORD = "a harbour in every storm"  # noqa: S105 - the demo's people live on this machine only
BURNING = "lumen"
LEAVER = "Tom Okafor"
TOPIC = "a joke about people who lost their jobs"


@dataclass
class Someone:
    """A person of the story, once they have taken their seat."""

    name: str
    email: str
    role: str
    side: str = "staff"
    brands: tuple[str, ...] = ()
    seat: str = ""
    client: Client | None = None

    @property
    def stays(self) -> bool:
        """Whether this person can still sign in when the story is over."""
        return bool(self.email) and self.name != LEAVER

    @property
    def api(self) -> Client:
        if self.client is None:
            raise RuntimeError(f"{self.name} has not signed in yet.")
        return self.client


def people() -> dict[str, Someone]:
    """The cast, by first name."""
    return {
        "ana": Someone("Ana Brandt", "ana@harbour.example", "owner"),
        "leo": Someone("Leo Fischer", "leo@harbour.example", "crisis_lead"),
        "mia": Someone("Mia Santos", "mia@harbour.example", "account_manager", brands=(BURNING,)),
        "dilnoza": Someone("Dilnoza Karimova", "dilnoza@harbour.example", "responder"),
        "tom": Someone(LEAVER, "tom@harbour.example", "admin"),
        "claire": Someone("Claire Dubois", "claire@lumen.example", "client_approver", "client", (BURNING,)),
    }


@dataclass
class Scene:
    """The running story."""

    base_url: str
    speed: float
    seed: int
    teller: Teller
    mail: MailServer
    hook: HookReceiver
    cast: dict[str, Someone] = field(default_factory=people)
    brands: dict[str, Any] = field(default_factory=dict)
    accounts: dict[str, list[Any]] = field(default_factory=dict)
    feed: Client | None = None  # the listening integration, with a key of its own
    source: str = ""
    policy: str = ""
    holding_message: str = ""
    offending_post: str = ""
    signal: dict[str, Any] = field(default_factory=dict)
    page: str = ""
    incident: dict[str, Any] = field(default_factory=dict)
    report_url: str = ""
    begun_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def who(self, name: str) -> Client:
        return self.cast[name].api

    @property
    def brand(self) -> str:
        """The id of the brand that burns."""
        return str(self.brands[BURNING]["id"])
