"""What Python's email package makes of a receipt: JSON."""
import email
import email.policy
import json
import sys

with open(sys.argv[1], "rb") as file:
    mail = email.message_from_binary_file(file, policy=email.policy.default)
report = next(part for part in mail.walk() if part.get_content_type() == "message/disposition-notification")
fields = report.get_payload()[0] if report.is_multipart() else email.message_from_string(report.get_payload())
print(json.dumps({
    "kind": mail.get_content_type(),
    "reportType": mail.get_param("report-type"),
    "from": mail["From"],
    "to": mail["To"],
    "automatic": mail["Auto-Submitted"],
    "asks": mail["Disposition-Notification-To"],
    "original": fields["Original-Message-ID"].strip(),
    "recipient": fields["Final-Recipient"].strip(),
    "disposition": fields["Disposition"].strip(),
    "error": (fields["Error"] or "").strip(),
    "defects": [type(defect).__name__ for part in mail.walk() for defect in part.defects],
}))
