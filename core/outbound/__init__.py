"""The only door to hosts that a user chose: webhooks, pages, platforms with their own address, feeds.

`vet()` when the address is saved, `request()` or `post()` when it is called; both judge by the same rules, because a
name may point elsewhere by then.
"""

from core.outbound.client import Answer, OutboundFailed, post, request
from core.outbound.sockets import websocket
from core.outbound.streams import Stream, StreamBroken, stream
from core.outbound.vetting import OutboundRefused, Target, vet, vet_form, vet_headers

__all__ = [
    "Answer",
    "OutboundFailed",
    "OutboundRefused",
    "Stream",
    "StreamBroken",
    "Target",
    "post",
    "request",
    "stream",
    "vet",
    "vet_form",
    "vet_headers",
    "websocket",
]
