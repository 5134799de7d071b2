//! The functions behind the gateway's routes.

use async_trait::async_trait;
use aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayWebsocketProxyRequest};
use labelcast_functions::live::{
    Admission, Authorize, AuthorizeError, AuthorizerAnswer, AuthorizerEvent, Connect, Disconnect, Route,
};
use labelcast_functions::model::ConnectionId;
use labelcast_functions::ports::PortResult;

use crate::gateway::Routes;

pub(super) struct LiveRoutes {
    pub(super) authorize: Authorize,
    pub(super) connect: Connect,
    pub(super) route: Route,
    pub(super) disconnect: Disconnect,
}

#[async_trait]
impl Routes for LiveRoutes {
    async fn authorize(&self, event: AuthorizerEvent) -> Result<AuthorizerAnswer, AuthorizeError> {
        self.authorize.handle(event).await
    }

    async fn connect(&self, event: ApiGatewayWebsocketProxyRequest) -> PortResult<ApiGatewayProxyResponse> {
        self.connect.handle(event).await
    }

    async fn admit(&self, id: &ConnectionId) -> Admission {
        self.route.admit(id).await
    }

    async fn message(&self, event: ApiGatewayWebsocketProxyRequest) -> ApiGatewayProxyResponse {
        self.route.handle_admitted(event).await
    }

    async fn disconnect(&self, event: ApiGatewayWebsocketProxyRequest) -> PortResult<()> {
        self.disconnect.handle(event).await
    }
}
