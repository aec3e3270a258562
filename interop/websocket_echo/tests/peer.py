"""A WebSocket client and a server that share no code with ours: Python's websockets.

    peer.py client ws://127.0.0.1:8080   talks to an echo server, and fails if it is none
    peer.py server                       is an echo server, on a port that it prints
"""

import asyncio
import sys

import websockets

LARGE = bytes(range(256)) * (4 << 12)


def connect(url):
    return websockets.connect(url, max_size=None)


async def echoes_what_it_gets(url):
    async with connect(url) as socket:
        assert socket.extensions == [], "compression is offered, and declined"
        for message in ["", "hello", "Grüße, 世界 🦀", b"", bytes(range(256)), LARGE]:
            await socket.send(message)
            assert await socket.recv() == message


async def joins_fragments(url):
    async with connect(url) as socket:
        await socket.send(["one, ", "two, ", "three"])
        assert await socket.recv() == "one, two, three"
        await socket.send(LARGE[at:at + 1000] for at in range(0, len(LARGE), 1000))
        assert await socket.recv() == LARGE


async def answers_pings(url):
    async with connect(url) as socket:
        for _ in range(10):
            await (await socket.ping(b"are you there?"))


async def agrees_to_close(url):
    socket = await connect(url)
    await socket.close(code=4001, reason="enough")
    assert (socket.close_code, socket.close_reason) == (4001, "enough")


async def serves_many_at_a_time(url):
    # Nobody goes before all have come.
    barrier = asyncio.Barrier(100)

    async def one(n):
        async with connect(url) as socket:
            await barrier.wait()
            messages = [f"{n}: {m}" for m in range(10)]
            for message in messages:
                await socket.send(message)
            assert [await socket.recv() for _ in messages] == messages

    await asyncio.gather(*map(one, range(100)))


async def client(url):
    await echoes_what_it_gets(url)
    await joins_fragments(url)
    await answers_pings(url)
    await agrees_to_close(url)
    await serves_many_at_a_time(url)


async def echo(socket):
    async for message in socket:
        await socket.send(message)


async def server():
    async with websockets.serve(echo, "127.0.0.1", 0, max_size=None) as listening:
        host, port = listening.sockets[0].getsockname()
        print(f"listening on ws://{host}:{port}", flush=True)
        await asyncio.Future()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["client", url]:
            asyncio.run(client(url))
        case ["server"]:
            asyncio.run(server())
        case _:
            sys.exit(__doc__)
