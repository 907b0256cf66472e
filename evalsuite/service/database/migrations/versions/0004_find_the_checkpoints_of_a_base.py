"""Find the checkpoints of a base."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Find the checkpoints of a base."""
    with op.batch_alter_table("comparison", schema=None) as batch_op:
        batch_op.create_index(
            "ix_comparison_lineage",
            ["base_id", "state", "created", "checkpoint_id", "id"],
            unique=False,
        )
