"""A mail relay for tests: takes what comes and writes each mail into a directory.

usage: relay.py DIRECTORY (none|starttls|tls) (take|refuse|break|greet|busy|cut|slow) [CERTIFICATE KEY]
Prints its port. "refuse" says 554 to the message, "break" closes the connection once the message is in,
"greet" says 554 instead of a greeting, "busy" says 451 to the first message and keeps nothing of it,
"cut" closes the connection after the first line of the first message, "slow" takes half a second for each answer.
"""
import asyncio
import pathlib
import ssl
import sys

folder, tls, habit = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
context = None
if tls != "none":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[4], sys.argv[5])
count = 0


async def serve(reader, writer):
    global count
    secure = tls == "tls"

    async def say(text):
        if habit == "slow":
            await asyncio.sleep(0.5)
        writer.write(text.encode() + b"\r\n")
        await writer.drain()

    if habit == "greet":
        await say("554 go away")
        writer.close()
        return
    await say("220 relay")
    while line := await reader.readline():
        word = line.decode("ascii").strip()
        if word.upper().startswith("EHLO"):
            if tls == "starttls" and not secure:
                await say("250-relay\r\n250 STARTTLS")
            else:
                await say("250-relay\r\n250 8BITMIME")
        elif word.upper() == "STARTTLS" and tls == "starttls":
            await say("220 go")
            await writer.start_tls(context)
            secure = True
        elif tls != "none" and not secure:
            await say("530 TLS first")
        elif word.upper() == "DATA":
            await say("354 go on")
            if habit == "cut" and count == 0:
                await reader.readline()
                count += 1
                writer.transport.abort()
                return
            lines = []
            while (line := await reader.readline()) not in (b".\r\n", b""):
                lines.append(line[1:] if line.startswith(b".") else line)
            count += 1
            if habit == "busy" and count == 1:
                await say("451 later")
                continue
            part = folder / f"{count}.part"
            part.write_bytes(b"".join(lines))
            part.rename(folder / f"{count}.eml")
            if habit == "break":
                writer.close()
                return
            await say("554 no" if habit == "refuse" else "250 taken")
        elif word.upper() == "QUIT":
            await say("221 bye")
            break
        else:
            await say("250 ok")
    writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context if tls == "tls" else None, limit=1 << 20)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
