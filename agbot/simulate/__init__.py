"""A whole bot and its venue in virtual time: one seed decides everything, an auditor looks on from the venue."""
