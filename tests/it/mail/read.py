"""What Python's email package makes of a mail: JSON with its subject, notice and attachment (written to the second argument)."""
import email
import email.policy
import json
import sys

with open(sys.argv[1], "rb") as file:
    mail = email.message_from_binary_file(file, policy=email.policy.default)
told = {"subject": mail["Subject"], "to": mail["To"], "notify": mail["Disposition-Notification-To"], "defects": []}
for part in mail.walk():
    told["defects"] += [type(defect).__name__ for defect in part.defects]
    if part.get_content_type() == "text/plain":
        told["text"] = part.get_content()
    if part.get_content_type() == "application/zip":
        told["name"] = part.get_filename()
        with open(sys.argv[2], "wb") as file:
            file.write(part.get_content())
print(json.dumps(told))
