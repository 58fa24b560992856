"""What is looked at before anything is exported, and how heavy it weighs."""

from __future__ import annotations

from typing import Any

import pytest
from domo_scene import ORDERS, Scene, codes, elsewhere, manifest, only, query
from s3_server import PUBLIC
from world import Run, Status

from reconciler.values import Action, Severity

pytest_plugins = ("domo_fixtures",)


def looking(scene: Scene, **checks: str) -> None:
    scene.vendor.words["aws"] = scene.cloud(lookAtBuckets=True)
    scene.vendor.words["checks"] = {"bucketEncryption": "off", **checks}


def about(run: Run, code: str) -> Severity:
    (found,) = {each.severity for each in run.problems if each.code == code}
    return found


# --- the dataset ---


@pytest.mark.parametrize("position", ["404", "stub"])
def test_a_dataset_that_is_gone_refuses_the_plan(plain: Scene, position: str) -> None:
    plain.vendor.switch(deleted=position)
    plain.domo.delete_dataset(ORDERS)

    assert codes(plain.apply(manifest(), expect=Status.REFUSED)) == {"no-such-dataset"}


def test_another_dataset_than_expected_refuses_the_plan(plain: Scene) -> None:
    run = plain.apply(manifest(dataset={"id": ORDERS, "expectName": "orders_hourly"}), expect=Status.REFUSED)

    assert codes(run) == {"other-dataset"}


def test_a_user_without_the_right_to_read_is_told_so(plain: Scene) -> None:
    stranger = plain.domo.add_user(displayName="Stranger", authorities=[])
    plain.world.environ["DOMO_TOKEN"] = plain.domo.add_token(stranger["id"])
    run = plain.apply(manifest(), expect=None)

    assert run.status in (Status.REFUSED, Status.DENIED)
    assert "dataset.admin" in run.messages
    assert plain.started == 0


def test_an_unknown_column_refuses_the_plan(plain: Scene) -> None:
    run = plain.apply(manifest(query=query("order_id", "Region")), expect=Status.REFUSED)

    (problem,) = run.problems
    assert (problem.code, problem.path) == ("unknown-column", ("query", "columns", 1))
    assert problem.help == "did you mean `region`?"


def test_a_value_of_another_type_refuses_the_plan(plain: Scene) -> None:
    filter = {"all": [{"column": "order_id", "eq": "1"}]}

    assert codes(plain.apply(manifest(query=query(filter=filter)), expect=Status.REFUSED)) == {"wrong-value-type"}


@pytest.mark.parametrize(("weight", "severity"), [("warn", Severity.WARNING), ("refuse", Severity.ERROR)])
@pytest.mark.parametrize("what", ["notLoaded", "masked", "rowPolicies"])
def test_each_finding_weighs_what_the_project_says(plain: Scene, what: str, weight: str, severity: Severity) -> None:
    plain.vendor.words["checks"] = {what: weight}
    code = _happen(plain, what)
    run = plain.plan(manifest())

    assert about(run, code) is severity


@pytest.mark.parametrize("what", ["notLoaded", "masked", "rowPolicies"])
def test_a_finding_that_weighs_nothing_is_not_said(plain: Scene, what: str) -> None:
    plain.vendor.words["checks"] = {what: "off"}
    code = _happen(plain, what)

    assert code not in codes(plain.plan(manifest()))


def _happen(scene: Scene, what: str) -> str:
    if what == "notLoaded":
        scene.vendor.switch(cryo="VAULT")
        return "not-loaded"
    if what == "masked":
        scene.domo.touch(ORDERS, masked=True)
        return "masked"
    scene.domo.add_policy(ORDERS, "North only", users=[1001])
    scene.domo.set_pdp(ORDERS)
    return "row-policies"


@pytest.mark.parametrize("shape", ["array", "filterGroups", "groups"])
def test_changed_row_policies_are_another_audience(plain: Scene, shape: str) -> None:
    plain.vendor.switch(policies_shape=shape)
    plain.vendor.words["checks"] = {"rowPolicies": "off"}
    plain.domo.set_pdp(ORDERS)
    plain.apply(manifest())
    plain.domo.add_policy(ORDERS, "North only", users=[1001])
    change = only(plain.plan())

    assert "row policies" in change.reasons[0].text
    assert plain.plan(manifest(audienceChange="warn")).changes_to_make[0].action is Action.RECORD
    assert "audience-changed" in codes(plain.plan())


def test_policies_that_may_not_be_read_are_no_change(plain: Scene) -> None:
    plain.apply(manifest())
    somebody = plain.domo.add_user(displayName="Reader", authorities=["dataset.export"])
    plain.domo.share(ORDERS, somebody["id"])
    plain.vendor.switch(pdp_read="403")

    assert plain.plan().changes_to_make == ()


# --- the bucket ---


def test_a_private_bucket_in_the_right_region_is_no_problem(cloud: Scene) -> None:
    assert cloud.store is not None
    looking(cloud, bucketPublic="refuse")
    _block_public_access(cloud, "example-lake")

    assert codes(cloud.apply(manifest())) == set()


@pytest.mark.parametrize(("weight", "severity"), [("warn", Severity.WARNING), ("refuse", Severity.ERROR)])
@pytest.mark.parametrize("bucket", ["example-lake", PUBLIC])
def test_a_bucket_that_is_or_may_become_public_weighs_what_the_project_says(
    cloud: Scene, bucket: str, weight: str, severity: Severity
) -> None:
    looking(cloud, bucketPublic=weight)
    run = cloud.apply(manifest(destination=elsewhere(bucket=bucket)), expect=None)

    assert about(run, "bucket-public") is severity
    assert run.status is (Status.DONE if weight == "warn" else Status.REFUSED)
    assert (cloud.started == 1) is (weight == "warn")


def test_another_region_refuses_the_plan_unless_the_project_says_otherwise(cloud: Scene) -> None:
    looking(cloud)
    wrong = manifest(destination=elsewhere(region="us-east-1"))
    refused = cloud.apply(wrong, expect=Status.REFUSED)
    looking(cloud, bucketRegion="warn")
    warned = cloud.plan()

    assert about(refused, "bucket-region") is Severity.ERROR
    assert "write `region: eu-west-3`" in refused.messages
    assert about(warned, "bucket-region") is Severity.WARNING


def test_a_bucket_without_encryption_is_said(cloud: Scene) -> None:
    looking(cloud, bucketEncryption="warn")

    assert about(cloud.plan(manifest()), "bucket-encryption") is Severity.WARNING


def test_a_bucket_that_does_not_exist_refuses_the_plan(cloud: Scene) -> None:
    looking(cloud)
    run = cloud.apply(manifest(destination=elsewhere(bucket="example-nowhere")), expect=Status.REFUSED)

    assert "no-such-bucket" in codes(run)


def test_what_our_credentials_may_not_see_is_said(cloud: Scene) -> None:
    assert cloud.store is not None
    nobody = cloud.store.make_user("nobody", ["s3:GetBucketLocation"])
    looking(cloud)
    cloud.world.environ["EXAMPLE_AWS_KEY"] = nobody.key
    cloud.world.environ["EXAMPLE_AWS_SECRET"] = nobody.secret
    run = cloud.plan(manifest())

    assert about(run, "bucket-unread") is Severity.WARNING
    assert "AccessDenied" in run.messages


def test_credentials_that_are_no_good_are_said(cloud: Scene) -> None:
    looking(cloud)
    cloud.world.environ["EXAMPLE_AWS_SECRET"] = "wrong-secret-wrong-secret"
    run = cloud.plan(manifest())

    assert about(run, "bucket-unread") is Severity.WARNING
    assert "does not accept our credentials" in run.messages


def _block_public_access(scene: Scene, bucket: str) -> None:
    assert scene.store is not None
    words = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    client: Any = scene.store.client(region="eu-west-3")
    client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(words, True))
