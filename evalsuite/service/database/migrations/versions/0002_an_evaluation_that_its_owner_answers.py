"""An evaluation that its owner answers."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """An evaluation that its owner answers."""
    with op.batch_alter_table("evaluation", schema=None) as batch_op:
        batch_op.add_column(sa.Column("follow_key", sa.Text(), nullable=True))
        batch_op.create_unique_constraint(batch_op.f("uq_evaluation_follow_key"), ["follow_key"])
