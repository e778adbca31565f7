//! History: setting for how long it is kept, and deleting it.

use admin_api::archive::Keep;

use crate::Stage;

#[tokio::test]
async fn how_long_it_is_kept_is_shown_and_set() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    let page = browser.get("/history").await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.text().contains("13 MB") && page.body.contains("value=\"30\""));
    for (fields, keep, words) in [
        (vec![("keep", "days"), ("days", " 7 ")], Keep::Days(7), "within the hour"),
        (vec![("keep", "ever"), ("days", "7")], Keep::ForEver, "within the hour"),
        (vec![("keep", "off"), ("days", "")], Keep::Off, "nothing is kept"),
    ] {
        let page = browser.post("/history", &fields).await;
        assert_eq!(page.status, 303, "{}", page.text());
        let page = browser.get(page.header("location")).await;
        assert!(page.text().contains(words), "{words}: {}", page.text());
        stage.daemon.home(|home| assert_eq!(home.keep, keep));
    }
    for days in ["", "0", "-3", "1.5", "99999999999", "many"] {
        let page = browser.post("/history", &[("keep", "days"), ("days", days)]).await;
        assert_eq!(page.status, 422, "{days}");
        assert!(page.text().contains("whole number of days"), "{}", page.text());
    }
    stage.daemon.home(|home| assert_eq!(home.keep, Keep::Off));
}

#[tokio::test]
async fn what_is_kept_is_deleted_after_a_question() {
    let stage = Stage::family();
    let mut browser = stage.ann().await;
    browser.get("/history").await;
    let page = browser.get("/history/delete/joe").await;
    assert!(page.text().contains("Old Joe") && page.text().contains("cannot be undone"));
    let page = browser.post("/history/delete/joe", &[]).await;
    let page = browser.get(page.header("location")).await;
    assert!(page.text().contains("Deleted, for good."), "{}", page.text());
    let page = browser.get("/history/delete").await;
    assert!(page.text().contains("everybody"));
    browser.post("/history/delete", &[]).await;
    stage.daemon.home(|home| assert_eq!(home.erased, [Some("joe".to_owned()), None]));
    assert_eq!(browser.get("/history/delete/nobody").await.status, 404);
}
