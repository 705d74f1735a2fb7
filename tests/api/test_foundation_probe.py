from httpx2 import Client
from tests.world import World
def test_probe(web: World, client: Client, other: Client, url):
    web.campaign(web.contacts(3))
    r = client.get("/api/crm/campaigns", params={"teamId": web.team})
    print(r.status_code, r.headers, r.json())
    assert r.status_code == 200
    r = other.get("/api/crm/campaigns", params={"teamId": web.team, "limit": 0})
    print(r.status_code, r.json())
    r = other.get("/api/crm/campaigns", params={"teamId": web.team})
    print(r.status_code, r.json())
    r = Client(base_url=url).get("/api/crm/campaigns")
    print(r.status_code, r.headers, r.json())
    r = client.post("/api/crm/campaigns/"); print(r.status_code, r.json())
    r = client.put("/api/crm/campaigns"); print(r.status_code, r.headers, r.json())
    for p in ("/healthz", "/readyz", "/openapi.json"):
        r = client.get(p); print(r.status_code, r.text[:300])
    import time
    t=time.perf_counter()
    for _ in range(50): client.get("/api/crm/campaigns", params={"teamId": web.team})
    print((time.perf_counter()-t)/50)
    t=time.perf_counter()
    for _ in range(50): client.get("/healthz", params={"teamId": web.team})
    print((time.perf_counter()-t)/50)
