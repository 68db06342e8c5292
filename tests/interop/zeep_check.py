#!/usr/bin/env python3
"""Loads each ?wsdl of a running knoop with the stock SOAP toolkit zeep, registers one document (ITI-42) and finds it (ITI-18).

Usage: zeep_check.py http://127.0.0.1:PORT
"""
import sys
import uuid

import zeep

HAS_MEMBER = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"
APPROVED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"
SUCCESS = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"
PATIENT = "999990019^^^&2.16.840.1.113883.2.4.6.3&ISO"
FIND_DOCUMENTS = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"


def oid():
    return f"2.25.{uuid.uuid4().int}"


def slot(name, *values):
    return {"name": name, "ValueList": {"Value": list(values)}}


def text(value):
    return {"LocalizedString": [{"value": value}]}


def code(owner, scheme, value, system):
    return {"id": f"c{uuid.uuid4().hex}", "classifiedObject": owner, "classificationScheme": f"urn:uuid:{scheme}",
            "nodeRepresentation": value, "Slot": [slot("codingScheme", system)], "Name": text(value)}


def identifier(owner, scheme, value, name):
    return {"id": f"i{uuid.uuid4().hex}", "registryObject": owner, "identificationScheme": f"urn:uuid:{scheme}",
            "value": value, "Name": text(name)}


def submission(unique_id):
    entry = {
        "id": "Document01", "objectType": "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1", "mimeType": "text/plain",
        "Slot": [slot("creationTime", "20260102030405"), slot("languageCode", "nl-NL"), slot("sourcePatientId", PATIENT),
                 slot("hash", "da39a3ee5e6b4b0d3255bfef95601890afd80709"), slot("size", "0"),
                 slot("repositoryUniqueId", "2.999.1.2")],
        "Name": text("Zeep"),
        "Classification": [
            code("Document01", "41a5887f-8865-4c09-adf7-e362475b143a", "REPORTS", "1.3.6.1.4.1.19376.1.2.6.1"),
            code("Document01", "f4f85eac-e6cb-4883-b524-f2705394840f", "N", "2.16.840.1.113883.5.25"),
            code("Document01", "a09d5840-386c-46f2-b5ad-9c3699a4309d", "urn:ihe:iti:xds:2017:mimeTypeSufficient", "1.3.6.1.4.1.19376.1.2.3"),
            code("Document01", "f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1", "22232009", "2.16.840.1.113883.6.96"),
            code("Document01", "cccf5598-8b07-4b77-a05e-ae952c785ead", "394914008", "2.16.840.1.113883.6.96"),
            code("Document01", "f0306f51-975f-434e-a61c-c59651d33983", "18748-4", "2.16.840.1.113883.6.1")],
        "ExternalIdentifier": [
            identifier("Document01", "58a6f841-87b3-4a3e-92fd-a8ffeff98427", PATIENT, "XDSDocumentEntry.patientId"),
            identifier("Document01", "2e82c1f6-a085-4c72-9da3-8640a32e42ab", unique_id, "XDSDocumentEntry.uniqueId")],
    }
    package = {
        "id": "SubmissionSet01", "Slot": [slot("submissionTime", "20260102030406")],
        "Classification": [
            {"id": "mark", "classifiedObject": "SubmissionSet01", "classificationNode": "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"},
            code("SubmissionSet01", "aa543740-bdda-424e-8c96-df4873be8500", "11502-2", "2.16.840.1.113883.6.1")],
        "ExternalIdentifier": [
            identifier("SubmissionSet01", "6b5aea1a-874d-4603-a4bc-96a0a7b38446", PATIENT, "XDSSubmissionSet.patientId"),
            identifier("SubmissionSet01", "554ac39e-e3fe-47fe-b233-965d2a147832", "2.999.1.3", "XDSSubmissionSet.sourceId"),
            identifier("SubmissionSet01", "96fdda7c-d067-4183-912e-bf5ee74998a8", oid(), "XDSSubmissionSet.uniqueId")],
    }
    member = {"id": "Member01", "associationType": HAS_MEMBER, "sourceObject": "SubmissionSet01", "targetObject": "Document01",
              "Slot": [slot("SubmissionSetStatus", "Original")]}
    return [{"ExtrinsicObject": entry}, {"RegistryPackage": package}, {"Association": member}]


def exchange(base, path):
    """One document in by ITI-42 and out by ITI-18, all of it through the WSDL of `path`."""
    client = zeep.Client(f"{base}{path}?wsdl")
    service = client.bind(next(iter(client.wsdl.services)), "DocumentRegistry_Port_Soap12")
    unique_id = oid()
    done = service["DocumentRegistry_RegisterDocumentSet-b"](RegistryObjectList={"_value_1": submission(unique_id)})
    assert done.status == SUCCESS, done
    answer = service["DocumentRegistry_RegistryStoredQuery"](
        ResponseOption={"returnType": "LeafClass", "returnComposedObjects": True},
        AdhocQuery={"id": FIND_DOCUMENTS, "Slot": [slot("$XDSDocumentEntryPatientId", f"'{PATIENT}'"),
                                                   slot("$XDSDocumentEntryStatus", f"('{APPROVED}')")]})
    assert answer.status == SUCCESS, answer
    found = [o["ExtrinsicObject"] for o in answer.RegistryObjectList._value_1]
    ids = [i.value for o in found for i in o.ExternalIdentifier]
    assert unique_id in ids, ids
    print(f"PASS {path}: ITI-42 registered, ITI-18 found {len(found)}")


def main(base):
    operations = {
        "/xds/registry": {"DocumentRegistry_RegisterDocumentSet-b", "DocumentRegistry_RegistryStoredQuery"},
        "/xds/repository": {"DocumentRepository_ProvideAndRegisterDocumentSet-b", "DocumentRepository_RetrieveDocumentSet"},
    }
    operations["/xds"] = operations["/xds/registry"] | operations["/xds/repository"]
    for path, expected in operations.items():
        client = zeep.Client(f"{base}{path}?wsdl")
        ports = [p for s in client.wsdl.services.values() for p in s.ports.values()]
        have = {name for p in ports for name in p.binding.all()}
        assert have == expected, (path, have)
        for port in ports:
            assert port.binding_options["address"] == f"{base}{path}", port.binding_options
        print(f"PASS {path}?wsdl: {', '.join(sorted(have))}")
    exchange(base, "/xds/registry")
    exchange(base, "/xds")


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"))
