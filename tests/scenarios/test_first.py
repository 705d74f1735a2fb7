from tests.world import World
from worker.simulator.lives import Life


def test_a_contact_is_called_and_the_campaign_completes(world: World) -> None:
    world.script({"*": Life(5, 20)})
    campaign = world.campaign([world.contact()])
    result = world.run(campaign)
    assert len(result.calls) == 1
    world.until(campaign, "completed")
    assert world.by_status(campaign) == {"completed": 1}
