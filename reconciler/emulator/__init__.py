"""
The stand-in world every vendor's emulator lives in: clock, switches, faults, request log, tables and a real server.
Nothing here knows a vendor, and nothing here imports any other room of the house.
"""

from reconciler.emulator.base import Collection, Emulator
from reconciler.emulator.bucket_drop import BucketDrop
from reconciler.emulator.clock import Clock
from reconciler.emulator.drop import Drop, FolderDrop, MemoryDrop
from reconciler.emulator.faults import Effect, Fault, Faults
from reconciler.emulator.ids import Ids
from reconciler.emulator.limits import Allowance, Window
from reconciler.emulator.log import Entry, Log, Mask
from reconciler.emulator.messages import Answer, JsonObject, NotJson, Request
from reconciler.emulator.objects import ObjectStore
from reconciler.emulator.routes import Match, Router, WrongMethod
from reconciler.emulator.server import Server, joined, serve_forever
from reconciler.emulator.switches import Switch, Switches, UnknownSwitch
from reconciler.emulator.tables import Table
from reconciler.emulator.uploads import Access, FolderUploads, Rejected, S3Uploads, Uploads
from reconciler.emulator.world import World

__all__ = [
    "Access",
    "Allowance",
    "Answer",
    "BucketDrop",
    "Clock",
    "Collection",
    "Drop",
    "Effect",
    "Emulator",
    "Entry",
    "Fault",
    "Faults",
    "FolderDrop",
    "FolderUploads",
    "Ids",
    "JsonObject",
    "Log",
    "Mask",
    "Match",
    "MemoryDrop",
    "NotJson",
    "ObjectStore",
    "Rejected",
    "Request",
    "Router",
    "S3Uploads",
    "Server",
    "Switch",
    "Switches",
    "Table",
    "UnknownSwitch",
    "Uploads",
    "Window",
    "World",
    "WrongMethod",
    "joined",
    "serve_forever",
]
