//! What a stack has, made on the emulator for one test: tables, a bucket, queues, a bus.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};

use crate::emulator::Emulator;

/// Where the emulator says that it is.
pub const REGION: &str = "us-east-1";
/// The emulator's own account; it takes every signature that this key pair makes.
pub const ACCESS_KEY: &str = "test";
/// Belongs to [`ACCESS_KEY`].
pub const SECRET_KEY: &str = "test";

/// How clients reach the emulator.
pub async fn config(emulator: &Emulator) -> SdkConfig {
    client_config(emulator.endpoint()).await
}

/// How clients reach an emulator at this address.
pub async fn client_config(endpoint: &str) -> SdkConfig {
    let credentials = aws_sdk_dynamodb::config::Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "tests");
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .credentials_provider(credentials)
        .endpoint_url(endpoint)
        .load()
        .await
}

/// Makes a table as `infra/resources` describes them all.
pub async fn table(client: &aws_sdk_dynamodb::Client, name: &str) {
    let mut call = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    for (key, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
        let attribute =
            AttributeDefinition::builder().attribute_name(key).attribute_type(ScalarAttributeType::S).build();
        let element = KeySchemaElement::builder().attribute_name(key).key_type(kind).build();
        call = call
            .attribute_definitions(attribute.expect("all of it is set"))
            .key_schema(element.expect("all of it is set"));
    }
    call.send().await.expect("the emulator makes tables");
}
