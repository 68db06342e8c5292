"""Hands mails over by LMTP, as a relay does: deliver.py HOST:PORT SENDER RECIPIENT FILE... ; a refusal ends it with status 1."""
import smtplib
import sys

host, port = sys.argv[1].rsplit(":", 1)
try:
    with smtplib.LMTP(host, int(port)) as lmtp:
        for name in sys.argv[4:]:
            with open(name, "rb") as file:
                lmtp.sendmail(sys.argv[2], [sys.argv[3]], file.read(), ["BODY=8BITMIME"])
except smtplib.SMTPException as error:
    sys.exit(repr(error))
