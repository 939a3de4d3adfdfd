"""aioquic as a client of the interop matrix: one task as JSON on standard input, its outcome as JSON on standard output.

What is exchanged is here, by name; which exchanges there are is the matrix's (interop/cases.mjs).
"""

import asyncio
import hashlib
import json
import sys
from contextlib import asynccontextmanager

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, ErrorCode, FrameType, H3Connection
from aioquic.h3.events import DatagramReceived, DataReceived, HeadersReceived, WebTransportStreamDataReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, StreamReset
from aioquic.quic.packet import QuicProtocolVersion
from aioquic.tls import CipherSuite
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import BytesMessage, CloseConnection, TextMessage

# As large as the server likes to send datagrams on loopback.
MAX_DATAGRAM = 65527
# A version that is reserved for this (RFC 9000, section 15).
UNKNOWN_VERSION = 0x1A2A3A4A


class Failure(Exception):
    """Something went otherwise than it should."""


def check(condition, seen):
    if not condition:
        raise Failure(seen)


class Http3(QuicConnectionProtocol):
    """HTTP/3 on a connection: what happens is put into a queue for each stream."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.http = H3Connection(self._quic, enable_webtransport=True)
        self.queues = {}
        self.received = 0
        self.on_progress = lambda received: None
        self.tickets = 0

    def queue(self, key):
        return self.queues.setdefault(key, asyncio.Queue())

    def quic_event_received(self, event):
        if isinstance(event, ConnectionTerminated):
            for queue in self.queues.values():
                queue.put_nowait(event)
        if isinstance(event, StreamReset):
            self.queue(event.stream_id).put_nowait(event)
        for happened in self.http.handle_event(event):
            if isinstance(happened, DatagramReceived):
                key = "datagrams"
            elif isinstance(happened, WebTransportStreamDataReceived) and happened.stream_id % 4 == 3:
                key = "uni"
            else:
                key = happened.stream_id
            if isinstance(happened, DataReceived):
                self.received += len(happened.data)
                self.on_progress(self.received)
            self.queue(key).put_nowait(happened)

    async def next(self, key):
        event = await self.queue(key).get()
        check(not isinstance(event, ConnectionTerminated), f"connection closed: {event}")
        check(not isinstance(event, StreamReset), f"stream reset: {event}")
        return event

    def open(self, method, path, more=(), end=True):
        stream = self._quic.get_next_available_stream_id()
        headers = [(":method", method), (":scheme", "https"), (":authority", "localhost"), (":path", path), *more]
        encoded = [(name.encode(), value.encode()) for name, value in headers]
        self.http.send_headers(stream, encoded, end_stream=end)
        return stream

    async def status(self, stream):
        event = await self.next(stream)
        check(isinstance(event, HeadersReceived), f"no header section but {event}")
        return dict(event.headers)[b":status"].decode(), event.stream_ended

    async def response(self, stream, each=lambda data: None):
        status, ended = await self.status(stream)
        while not ended:
            event = await self.next(stream)
            if isinstance(event, DataReceived):
                each(event.data)
            ended = event.stream_ended
        return status

    async def get(self, path):
        body = bytearray()
        stream = self.open("GET", path)
        self.transmit()
        status = await self.response(stream, body.extend)
        check(status == "200", f"GET {path}: {status}")
        return bytes(body)

    async def post(self, path, body):
        answer = bytearray()
        stream = self.open("POST", path, [("content-length", str(len(body)))], end=False)
        self.http.send_data(stream, body, end_stream=True)
        self.transmit()
        status = await self.response(stream, answer.extend)
        check(status == "200", f"POST {path}: {status}")
        return bytes(answer)

    async def download(self, task):
        got = hashlib.sha256(await self.get(f"/bytes/{task['bytes']}")).hexdigest()
        check(got == task["sha256"], f"SHA-256 {got}")

    async def extended_connect(self, protocol, path):
        # A client waits for the server's settings before it uses what they allow (RFC 9220, section 3).
        while self.http.received_settings is None:
            await asyncio.sleep(0.005)
        stream = self.open("CONNECT", path, [(":protocol", protocol)], end=False)
        self.transmit()
        status, _ = await self.status(stream)
        check(status == "200", f"CONNECT {protocol} {path}: {status}")
        return stream


def configuration(task, **more):
    settings = QuicConfiguration(is_client=True, alpn_protocols=H3_ALPN, server_name="localhost")
    settings.load_verify_locations(cadata=task["pem"].encode())
    settings.max_datagram_frame_size = MAX_DATAGRAM
    settings.max_data = settings.max_stream_data = 4 << 20
    for name, value in more.items():
        setattr(settings, name, value)
    return settings


@asynccontextmanager
async def connected(task, settings=None, **options):
    settings = settings or configuration(task)
    address = (task["address"], task["port"])
    async with connect(*address, configuration=settings, create_protocol=Http3, **options) as client:
        yield client
        client.close(ErrorCode.H3_NO_ERROR)


async def handshake(task):
    async with connected(task) as client:
        check(client.http is not None, "no HTTP/3")


async def transfer(task, **more):
    async with connected(task, configuration(task, **more)) as client:
        await client.download(task)


async def rebinding(task):
    # The server hears of the new address by what the client sends from it. One that has acknowledged all, and waits for
    # what went to the old address, sends nothing by itself, and both wait for the other until they are idle.
    async with connected(task) as client:
        download = asyncio.ensure_future(client.download(task))
        while not (await asyncio.wait([download], timeout=0.5))[0]:
            await client.ping()
        await download


async def upload(task):
    body = bytes(index * 7 % 251 for index in range(251)) * (task["bytes"] // 251 + 1)
    body = body[: task["bytes"]]
    async with connected(task) as client:
        answer = await client.post("/upload", body)
        check(hashlib.sha256(body).hexdigest().encode() in answer, f"answered {answer!r}")


async def parallel(task):
    async with connected(task) as client:
        bodies = await asyncio.gather(*(client.get(f"/bytes/{1000 + number}") for number in range(20)))
        check([len(body) for body in bodies] == list(range(1000, 1020)), "bodies of other lengths")


async def post_quantum(task):
    await transfer(task, quantum_readiness_test=True)


async def ticket_of(task):
    """A session's ticket, and one request of that session."""
    came = asyncio.get_running_loop().create_future()

    def keep(ticket):
        if not came.done():
            came.set_result(ticket)

    async with connected(task, session_ticket_handler=keep) as client:
        await client.download(task)
        return await came


async def resumption(task):
    ticket = await ticket_of(task)
    async with connected(task, configuration(task, session_ticket=ticket)) as client:
        await client.download(task)
        check(client._quic.tls.session_resumed, "a full handshake")


async def zero_rtt(task):
    ticket = await ticket_of(task)
    check(ticket.max_early_data_size, "the ticket allows no early data")
    settings = configuration(task, session_ticket=ticket)
    async with connected(task, settings, wait_connected=False) as client:
        await client.download(task)
        check(client._quic.tls.early_data_accepted, "early data was refused")


async def key_update(task):
    async with connected(task) as client:
        def update(received):
            if received > task["bytes"] / 3:
                client.on_progress = lambda received: None
                client.request_key_update()

        client.on_progress = update
        await client.download(task)
        client.request_key_update()
        await client.get("/")


async def chacha20(task):
    await transfer(task, cipher_suites=[CipherSuite.CHACHA20_POLY1305_SHA256])


async def version_negotiation(task):
    await transfer(task, supported_versions=[UNKNOWN_VERSION, QuicProtocolVersion.VERSION_1])


async def connections(task):
    for number in range(task["count"]):
        async with connected(task) as client:
            await client.get("/")


async def webtransport(task):
    message = b"over a stream of a session" * 1000
    async with connected(task) as client:
        session = await client.extended_connect("webtransport", "/echo")

        async def echoed(key, stream):
            client._quic.send_stream_data(stream, message, end_stream=True)
            client.transmit()
            got, ended = b"", False
            while not ended:
                event = await client.next(key)
                got, ended = got + event.data, event.stream_ended
            check(got == message, f"stream {stream} came back as {len(got)} bytes")

        stream = client.http.create_webtransport_stream(session)
        # aioquic 1.7.2 takes what comes back on a stream of its own for HTTP/3 frames, unless it is told otherwise.
        with client.http._get_or_create_stream(stream) as state:
            state.frame_type, state.session_id = FrameType.WEBTRANSPORT_STREAM, session
        await echoed(stream, stream)
        await echoed("uni", client.http.create_webtransport_stream(session, is_unidirectional=True))
        # A datagram may be lost, if not on loopback then in a full buffer: ask again.
        for attempt in range(20):
            client.http.send_datagram(session, b"datagram")
            client.transmit()
            try:
                event = await asyncio.wait_for(client.next("datagrams"), 1)
            except TimeoutError:
                continue
            check(event.data == b"datagram", f"the datagram came back as {event.data!r}")
            return
        raise Failure("no datagram came back")


async def websocket(task):
    async with connected(task) as client:
        stream = await client.extended_connect("websocket", "/echo")
        frames = Connection(ConnectionType.CLIENT)

        async def exchange(message):
            client.http.send_data(stream, frames.send(message), end_stream=False)
            client.transmit()
            got = type(message.data)() if hasattr(message, "data") else None
            while True:
                data = await client.next(stream)
                frames.receive_data(data.data)
                for event in frames.events():
                    if isinstance(event, CloseConnection):
                        return event
                    got += event.data
                    if event.message_finished:
                        return got

        for message in (TextMessage(data="grüße"), BytesMessage(data=bytes(range(256)) * 300)):
            got = await exchange(message)
            check(got == message.data, f"another message of {len(got)}")
        closed = await exchange(CloseConnection(code=1000))
        check(closed.code == 1000, f"closed with {closed.code}")


EXCHANGES = {
    "handshake": handshake,
    "transfer": transfer,
    "upload": upload,
    "parallel": parallel,
    "post-quantum": post_quantum,
    "resumption": resumption,
    "zero-rtt": zero_rtt,
    "key-update": key_update,
    "rebinding": rebinding,
    "chacha20": chacha20,
    "version-negotiation": version_negotiation,
    "connections": connections,
    "webtransport": webtransport,
    "websocket": websocket,
}


async def main():
    task = json.load(sys.stdin)
    try:
        await asyncio.wait_for(EXCHANGES[task["kind"]](task), task["limit"] / 1000)
    except TimeoutError:
        return f"no end within {task['limit'] / 1000:.0f} s"
    except (Failure, ConnectionError) as error:
        return str(error) or type(error).__name__
    return None


error = asyncio.run(main())
print(json.dumps({"ok": error is None, "error": error}))
