//! The socket's endpoint: which pages may open one, the functions behind it, and the `@connections` API.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::get;
use labelcast_functions::ports::Clock;
use labelcast_functions::rest::Origin;

use super::backend::Backend;
use super::routes::LiveRoutes;
use crate::gateway::{self, SignatureCheck};
use crate::objects::FileObjects;
use crate::server::split_url;
use crate::signature::{Received, check_signed_headers};

pub(super) fn router(backend: &Backend<'_>) -> Router {
    let provider = backend.provider;
    let routes: Arc<dyn gateway::Routes> = Arc::new(LiveRoutes {
        authorize: provider.make(),
        connect: provider.make(),
        route: provider.make(),
        disconnect: provider.make(),
    });
    let gateway = backend.gateway.clone();
    let pages = Pages::new(&backend.place.public_url, &provider.settings.allowed_origins);
    let upgrade = move |request: Request| {
        let (gateway, routes, allowed) = (gateway.clone(), routes.clone(), pages.allow(request.headers()));
        async move {
            match allowed {
                true => gateway::upgrade(gateway, routes, request).await,
                false => gateway::refuse(StatusCode::FORBIDDEN),
            }
        }
    };
    let check = signature_check(
        backend.objects.clone(),
        provider.ports.clock.clone(),
        split_url(&backend.place.public_url).1.to_owned(),
    );
    Router::new()
        .route("/live", get(upgrade))
        .nest("/live", gateway::management_router(backend.gateway.clone(), check))
        .merge(gateway::without_stage())
}

/// Pages that may open a socket. Browsers send the origin of every page; programs send none.
#[derive(Clone)]
struct Pages(Arc<Vec<Origin>>);

impl Pages {
    fn new(public_url: &str, allowed: &[Origin]) -> Self {
        Self(Arc::new(Origin::of_url(public_url).into_iter().chain(allowed.iter().cloned()).collect()))
    }

    fn allow(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else { return true };
        let Some(origin) = origin.to_str().ok().and_then(|origin| origin.parse::<Origin>().ok()) else { return false };
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        // Our own page by another of our names: the server answers to no other.
        origin.authority().eq_ignore_ascii_case(host) || self.0.contains(&origin)
    }
}

/// A proxy in front may have taken the prefix of the public address away; what was signed still has it. Who calls the server
/// itself signs without.
fn signature_check(objects: FileObjects, clock: Arc<dyn Clock>, prefix: String) -> SignatureCheck {
    Arc::new(move |parts, body| {
        // Below a nested router the path is cut; what was signed is the whole.
        let uri = parts.extensions.get::<axum::extract::OriginalUri>().map_or(&parts.uri, |original| &original.0);
        let check = |path: &str| {
            let received = Received {
                method: parts.method.as_str(),
                path,
                query: uri.query().unwrap_or_default(),
                headers: &parts.headers,
            };
            check_signed_headers(&received, body, "execute-api", clock.now(), |id: &str| objects.look_up(id))
        };
        let path = uri.path();
        let checked = check(&format!("{prefix}{path}")).or_else(|error| {
            // A proxy that takes the prefix away decodes the pad of an id, which was signed encoded.
            let encoded = path.replace('=', "%3D");
            let others = [format!("{prefix}{encoded}"), path.to_owned(), encoded];
            others.iter().find_map(|path| check(path).ok()).ok_or(error)
        });
        if let Err(error) = &checked {
            tracing::info!(%error, "refused a management call");
        }
        checked.is_ok()
    })
}
