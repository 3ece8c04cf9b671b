//! Buckets by their URLs, and what their refusals mean in words.
//!
//! Credentials are found by `object_store`, the way each cloud's own programs find them. Must not know what a lake
//! holds.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientConfigKey, ObjectStore, ObjectStoreScheme, RetryConfig};
use url::Url;

use super::Error;

/// A store that does not answer is given up after about twenty seconds: whoever waits for longer than a scheduler's
/// next try gains nothing, and where there are no credentials at all, that is only known by asking in vain.
const RETRIES: usize = 6;
/// One request, from its first byte to its last: enough for the largest at 3 Mbit a second.
const TIMEOUT: &str = "2m";

/// The store of a bucket, all keys below the URL's path.
pub(super) fn connect(location: &str) -> Result<Arc<dyn ObjectStore>, Error> {
    let scheme = location.split(':').next().unwrap_or_default();
    // What may hold a secret is not repeated.
    let unusable = |reason: String| Error::Location { lake: format!("{scheme}://…"), reason };
    let url = Url::parse(location).map_err(|error| unusable(error.to_string()))?;
    if url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(unusable(
            "its URL has more than a bucket and a path; credentials belong into the environment".to_owned(),
        ));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(unusable(format!("its URL names no bucket, as {scheme}://bucket/lake does")));
    }
    let unsupported = || Error::Unsupported { scheme: scheme.to_owned() };
    let (kind, prefix) = ObjectStoreScheme::parse(&url).map_err(|_| unsupported())?;
    let failed = |source: object_store::Error| Error::Location {
        lake: location.to_owned(),
        reason: refusal(&source).map_or_else(|| source.to_string(), str::to_owned),
    };
    let timeout = ClientConfigKey::Timeout;
    match (kind, url.scheme()) {
        (ObjectStoreScheme::AmazonS3, "s3" | "s3a") => {
            let builder = AmazonS3Builder::from_env().with_url(location).with_retry(retries());
            let builder = builder.with_config(AmazonS3ConfigKey::Client(timeout), TIMEOUT);
            Ok(Arc::new(PrefixStore::new(builder.build().map_err(failed)?, prefix)))
        }
        (ObjectStoreScheme::MicrosoftAzure, "az" | "abfs" | "abfss") => {
            let builder = MicrosoftAzureBuilder::from_env().with_url(location).with_retry(retries());
            let builder = builder.with_config(AzureConfigKey::Client(timeout), TIMEOUT);
            Ok(Arc::new(PrefixStore::new(builder.build().map_err(failed)?, prefix)))
        }
        (ObjectStoreScheme::GoogleCloudStorage, "gs") => {
            let builder = GoogleCloudStorageBuilder::from_env().with_url(location).with_retry(retries());
            let builder = builder.with_config(GoogleConfigKey::Client(timeout), TIMEOUT);
            Ok(Arc::new(PrefixStore::new(builder.build().map_err(failed)?, prefix)))
        }
        _ => Err(unsupported()),
    }
}

fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig { max_backoff: Duration::from_secs(5), ..BackoffConfig::default() },
        max_retries: RETRIES,
        retry_timeout: Duration::from_secs(60),
    }
}

/// What a person can do about a store's answer, where it is one that asking again does not change.
pub(super) fn refusal(error: &object_store::Error) -> Option<&'static str> {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&error.to_string());
        cause = error.source();
    }
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let denied = matches!(
        error,
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. }
    );
    if says(&["NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist"]) {
        Some("there is no such bucket; make it, or check --lake")
    } else if says(&["PermanentRedirect", "AuthorizationHeaderMalformed", "incorrectly configured region"]) {
        Some("the bucket lies in another region; set AWS_REGION to it")
    } else if says(&["ExpiredToken"]) {
        Some("the credentials have expired; renew them")
    } else if denied || says(&["InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied"]) {
        Some("access was refused; check the credentials, and what they may do with this bucket")
    } else if says(&["http://169.254.169.254", "http://metadata"]) {
        Some("no credentials were found; set them as the cloud's own programs take them, see the README")
    } else if says(&["Account must be specified"]) {
        Some("no storage account is named; set AZURE_STORAGE_ACCOUNT_NAME, or use abfss://container@account…")
    } else {
        None
    }
}

/// A bucket that could not be looked at.
pub(super) fn closed(lake: &str, source: object_store::Error) -> Error {
    match refusal(&source) {
        Some(reason) => Error::Location { lake: lake.to_owned(), reason: reason.to_owned() },
        None => Error::Store { what: "open", key: lake.to_owned(), source },
    }
}
