"""Every command of ``dialer``: its group, the module that has it, and the first sentence of its help.

To add a command, declare it in its module and add its line here; a test compares the two. The commands of plain
resources follow from their declarations.
"""

from __future__ import annotations

from collections.abc import Mapping

from worker.cli.lazy import Places
from worker.domain.resources import PLAIN, Resource

WATCH = "Watch CAMPAIGN_ID live, or without one all campaigns of the team."

ALONE: Places = {
    "worker.cli.samples": {
        "samples": "Write sample files into DIR, by default here: people.csv, contacts to import; never-call.txt, "
        "numbers for the do-not-call list; columns.md, the names of columns that are understood.",
    },
    "worker.cli.up": {"up": "Run a dialer on this machine until it is stopped."},
    "worker.cli.demo": {"demo": "Run a scheduled campaign from its CSV to its end, watch it, and check it."},
    "worker.cli.doctor": {
        "doctor": "Look at versions, services, clocks, ticks, queues, slots and every invariant; exit 1 if anything is "
        "wrong.",
    },
    "worker.cli.watch": {"watch": WATCH},
    "worker.cli.web": {
        "web": "Serve the API and its pages (/docs, /openapi.json), the carriers' callbacks, /healthz and /readyz.",
    },
    "worker.cli.manual": {"manual": "Show PAGE of the manual; without one, say which there are."},
    "worker.cli.opt_out": {"opt-out": "Let NUMBER, or the callee of a call, be called no more."},
    "worker.cli.erase": {"erase": "Erase a person, and go on refusing their number."},
    "worker.cli.completion": {"completion": "Print the lines that let SHELL complete this command."},
}
"""Commands of no group."""


def group_help(resource: Resource) -> str:
    """What is said of the commands of a plain resource."""
    return f"{resource.plural.capitalize()}: {resource.role}."


def sentences_of(resource: Resource) -> dict[str, str]:
    """The first sentence of the help of each of them."""
    clears = "; an empty text clears one" if resource.clears_by_null else ""
    return {
        "list": f"List the team's {resource.plural}, newest first.",
        "show": f"Show one {resource.what}.",
        "add": f"Create {resource.a}; says its id.",
        "edit": f"Change the fields given{clears}.",
    }


VERBS: Mapping[str, Places] = {
    "numbers": {
        "worker.cli.numbers": {
            "enable": "Show the number to those who are called, from now on.",
            "disable": "Show the number in no further call, whatever has been prepared.",
        },
    },
}
"""What plain resources have besides, by their group."""

GROUPS: Mapping[str, tuple[str, Places]] = {
    **{
        each.nouns: (
            group_help(each),
            {f"worker.cli.resources:{each.nouns}": sentences_of(each), **VERBS.get(each.nouns, {})},
        )
        for each in PLAIN
    },
    "campaigns": (
        "Campaigns and their runs.",
        {
            "worker.cli.campaigns:campaigns": {
                "create": "Create a campaign, a draft unless it is given an instant to start at; says its id.",
                "list": "List the team's campaigns, newest first.",
                "show": "Show a campaign, how far it has come, and what it is doing or waiting for.",
                "edit": "Change the fields given; an empty text puts one back to its default.",
            },
            "worker.cli.campaign_run": {"run": "Open a run: reserve its first calls and hand them to the workers."},
            "worker.cli.campaign_life": {
                "schedule": "Let a draft start by itself, or move the instant of a scheduled campaign.",
                "unschedule": "Make a scheduled campaign a draft again; it no longer starts by itself.",
                "pause": "Place no further call.",
                "resume": "Go on with the run that was paused.",
                "complete": "End the campaign: whoever still waits is cancelled with it.",
                "cancel": "Stop the campaign for good; every contact that waits is cancelled with it.",
                "delete": "Put the campaign away: it keeps its history, neither dials nor starts, and can be restored.",
                "restore": "Undo the deletion.",
            },
            "worker.cli.callbacks": {"callback": "Call a contact back at AT."},
            "worker.cli.campaign_people": {
                "add": "Add the team's contacts that match to CAMPAIGN_ID; those in it already are left as they are.",
                "remove": "Take the contacts that match out of CAMPAIGN_ID; who has calls in it stays, for calls are "
                "history.",
                "requeue": "Let the contacts of CAMPAIGN_ID that match wait again, if they were given up.",
            },
            "worker.cli.campaign_copies": {
                "test-call": "Call one phone now, yours, as CAMPAIGN_ID would, and leave it out of what it counts.",
                "clone": "Make a draft with the fields of CAMPAIGN_ID; says its id.",
                "redial": "Make a draft of those CAMPAIGN_ID has not reached, their attempts used; says its id.",
            },
            "worker.cli.watch": {"watch": WATCH},
            "worker.cli.campaign_export": {"export": "Write the contacts of CAMPAIGN_ID as they stand, or its calls."},
            "worker.cli.report": {
                "report": "Draw CAMPAIGN_ID's calls: per hour, slots in use, attempts until answer, answer rate by the "
                "callee's hour.",
            },
        },
    ),
    "contacts": (
        "Contacts of the CRM, and in campaigns.",
        {
            "worker.cli.everything": {"export-person": "Write all that is known of one person, as JSON."},
            "worker.cli.contacts:contacts": {
                "create": "Create a contact; says its id.",
                "show": "Show one contact.",
                "edit": "Change the fields given; an empty text clears one.",
                "list": "List the contacts of a campaign, those added last first; without one, those of the CRM, "
                "newest first.",
                "add": "Add existing contacts to a campaign, at most 10 000 at once; `-` reads their ids from standard "
                "input.",
                "prioritize": "Give contacts of a campaign another priority: of those who are due, those of priority 1 "
                "are called first and those of 9 last.",
                "remove": "Take contacts out of a campaign that have not been called in it.",
                "requeue": "Let contacts wait again that were given up, exhausted or failed: after their attempts were "
                "raised, their number was corrected, or what failed was mended.",
                "undo-do-not-call": "Take back whom the import IMPORT_ID marked do-not-call, if it was not meant.",
                "import": "Bring the contacts of FILE, a CSV, into the CRM; - reads a pipe.",
                "story": "Tell all there is about one person: campaigns and why they wait or are not called, calls "
                "with all that carriers said, edits, do-not-call.",
                "why": "Say whether a contact is called, waits until when, or never is, and why: the rules with where "
                "they are written, the campaign's window, a do-not-call.",
                "replace": "Find anew where the contacts of all teams may be: after an upgrade that says so, for the "
                "tables of numbers, area codes and postal codes have changed.",
            },
        },
    ),
    "calls": (
        "The calls of the team.",
        {
            "worker.cli.call_outcome": {
                "outcome": "Report the outcome of CALL_ID: WORD is one of the campaign's `outcomes`.",
            },
            "worker.cli.call_hang_up": {
                "hang-up": "Have the carrier end CALL_ID, whether it rings or somebody talks.",
            },
            "worker.cli.calls:calls": {
                "list": "List the team's calls, newest first.",
                "show": "Show one call, and what its carrier said of it.",
                "evidence": "Show what let each call to NUMBER pass, the oldest first: the rules that bound it and "
                "where they are written, the clock it was placed by, the consent there was, the calls to the number "
                "before it, and how it ended.",
            },
        },
    ),
    "dnc": (
        "The do-not-call list: numbers that no campaign calls.",
        {
            "worker.cli.dnc:dnc": {
                "add": "Put numbers on the list; those on it already stay as they are.",
                "list": "List the numbers, those added last first.",
                "remove": "Take a number off the list; campaigns call it again from their next run on.",
                "import": "Put the numbers of FILE on the do-not-call list; - reads a pipe.",
            },
        },
    ),
    "consents": (
        "Consents: who may be called for what.",
        {
            "worker.cli.consents:consents": {
                "add": "Write down what numbers have consented to.",
                "list": "List consents and revocations, the latest first.",
                "revoke": "Write down that numbers consent no more.",
                "import": "Write down the consents of FILE, a CSV; - reads a pipe.",
            },
        },
    ),
    "erasures": (
        "Erasures: who was erased, by what goes on refusing their numbers.",
        {
            "worker.cli.erasures:erasures": {
                "list": "List the team's erasures, the latest first.",
                "export": "Write the erasures of all teams, a line of JSON each; they name nobody.",
                "replay": "Erase again whoever FILE says was erased, after a backup was restored; - reads a pipe.",
            },
        },
    ),
    "policy": (
        "What the law of each place wants of a call. Not legal advice.",
        {
            "worker.cli.policy:policy": {
                "list": "List the purposes, and the rules by place: what they want, how well each is proven, and when "
                "it was checked.",
                "explain": "Say whether NUMBER may be called, by which rules, and from when on.",
                "check": "Check that every rule can be read, and say which were checked too long ago; exit 1 if one "
                "cannot be read.",
            },
        },
    ),
    "teams": (
        "Teams: who owns everything else.",
        {
            "worker.cli.teams:teams": {
                "list": "List the teams, newest first.",
                "show": "Show one team.",
                "add": "Create a team; says its id.",
                "edit": "Change the name, the limit or the country.",
            },
        },
    ),
    "keys": (
        "Bearer keys of the API; each belongs to one team.",
        {
            "worker.cli.keys:keys": {
                "create": "Make a key; says its text, which nothing can show again.",
                "list": "List the team's keys, newest first, revoked ones too; never their texts.",
                "revoke": "Let the key open nothing any more, from now on and for good.",
            },
        },
    ),
    "db": (
        "The database's schema.",
        {
            "worker.cli.db:db": {
                "migrate": "Bring the database to the current schema; safe to run twice, and from many places at once.",
            },
        },
    ),
}
"""Groups by their name: the help, and where their commands are."""
