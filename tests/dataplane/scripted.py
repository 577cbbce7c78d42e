"""A provider that says what it is told to, byte for byte, and how to call it."""

import asyncio

from gateway.dataplane.snapshot import Provider

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


class Script:
    """A server that gives one of `answers` to each request in turn, the last one for ever: bytes, or what writes them.

    heads:  of the requests, in order.
    gone:   connections that are over, whoever ended them.
    """

    def __init__(self):
        self.heads, self.connections, self.gone = [], 0, 0
        self.answers = [OK]

    async def serve(self, reader, writer):
        self.connections += 1
        try:
            while True:
                self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if callable(answer):
                    await answer(reader, writer)
                else:
                    await reader.readexactly(2)
                    writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.gone += 1
        finally:
            writer.close()

    async def until_gone(self, count=1):
        async with asyncio.timeout(3):
            while self.gone < count:
                await asyncio.sleep(0.01)


async def ask(
    upstreams, url, *, proxy=None, body=b"{}", path="/chat/completions", headers=None, timeout_s=5.0
):
    provider = Provider("p", "openai-chat", "bearer", url, timeout_s=timeout_s, private_ok=True)
    return await upstreams.send(provider, proxy, path, headers or {}, body)


async def talk(upstreams, url, **more):
    reply = await ask(upstreams, url, **more)
    return reply.status, await reply.read()


async def chunks_of(reply):
    return b"".join([chunk async for chunk in reply.chunks()])
