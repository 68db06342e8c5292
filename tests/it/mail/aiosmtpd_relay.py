"""A relay that is aiosmtpd: writes each mail that it takes into a directory.

usage: aiosmtpd_relay.py DIRECTORY (starttls|tls) take CERTIFICATE KEY
Prints its port.
"""
import asyncio
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP

folder, tls, _, certificate, key = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)


class Folder:
    count = 0

    async def handle_DATA(self, server, session, envelope):
        self.count += 1
        part = pathlib.Path(folder) / f"{self.count}.part"
        part.write_bytes(envelope.content)
        part.rename(part.with_suffix(".eml"))
        return "250 taken"


async def main():
    loop, kept = asyncio.get_running_loop(), Folder()
    inside = {"tls_context": context, "require_starttls": True} if tls == "starttls" else {}
    around = context if tls == "tls" else None
    server = await loop.create_server(lambda: SMTP(kept, loop=loop, **inside), "127.0.0.1", 0, ssl=around)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
