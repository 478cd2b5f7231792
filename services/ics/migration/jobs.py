"""How documents of an earlier release are brought to the form of this one: what the job `migrate` does."""

from chassis.jobs.declaration import Jobs
from chassis.jobs.migration import Rederived, Step, Walked, declare_migration
from services.ics.allocation.store import ALLOCATIONS
from services.ics.comment.store import COMMENTS
from services.ics.commit.store import COMMITS
from services.ics.consignment.store import CONSIGNMENTS
from services.ics.count.store import COUNTS
from services.ics.demand.store import SIGNALS
from services.ics.finding.store import WORDS
from services.ics.holdback.store import HOLDBACKS
from services.ics.inbox.domain import texts_of
from services.ics.inbox.store import INBOX
from services.ics.ledger.store import ENTRIES, ITEMS
from services.ics.migration.completing import orders_of, origins_of, words_of
from services.ics.migration.recounting import recount
from services.ics.policy.store import POLICIES
from services.ics.receive.store import RECEIPTS
from services.ics.replenishment.store import RULES
from services.ics.reservation.store import RESERVATIONS
from services.ics.serial.store import SERIALS
from services.ics.transfer.store import SHIPMENTS, TRANSFERS

jobs = Jobs("ics")

FORM = 3

STEPS: list[Step] = [
    Rederived(SERIALS),
    Rederived(ITEMS),
    Walked("serials of items", recount),
    Rederived(RESERVATIONS),
    Rederived(ALLOCATIONS),
    Rederived(COMMITS, origins_of),
    Rederived(ENTRIES, orders_of),
    Rederived(RECEIPTS),
    Rederived(TRANSFERS),
    Rederived(SHIPMENTS),
    Rederived(CONSIGNMENTS),
    Rederived(COUNTS),
    Rederived(RULES),
    Rederived(HOLDBACKS),
    Rederived(POLICIES),
    Rederived(SIGNALS),
    Rederived(WORDS),
    Rederived(COMMENTS, words_of(COMMENTS, lambda comment: [comment.body])),
    Rederived(INBOX, words_of(INBOX, texts_of)),
]

declare_migration(jobs, form=FORM, steps=STEPS)
