//! The contract of the layers (`graphex-runtime/src/layer/mod.rs`): the same cases for each.

use graphex::redis::RedisLayer;
use graphex::{Hub, HubBuilder, Limits};
use graphex_redis_tests::{Message, Node, Note, cluster_urls, prefix, redis_url};

mod cases;

/// Nodes of one service. Where there is but one process, all are the same.
struct Service {
    nodes: Vec<Node>,
}

type Change = fn(&mut Limits);

fn builder(limits: Change) -> HubBuilder {
    Hub::builder()
        .model::<Message>()
        .model::<Note>()
        .limits(limits)
}

fn memory(_: &str, nodes: usize, limits: Change) -> Service {
    let node = Node::new(builder(limits).build());
    let nodes = vec![node; nodes];
    Service { nodes }
}

fn shared(layer: &RedisLayer, nodes: usize, limits: Change) -> Service {
    let node = || Node::new(builder(limits).layer(layer.clone()).build());
    let nodes = (0..nodes).map(|_| node()).collect();
    Service { nodes }
}

fn redis(test: &str, nodes: usize, limits: Change) -> Service {
    let layer = RedisLayer::new(&redis_url()).unwrap();
    shared(&layer.prefix(&prefix(test)).unwrap(), nodes, limits)
}

fn redis_cluster(test: &str, nodes: usize, limits: Change) -> Service {
    let urls = cluster_urls();
    let layer = RedisLayer::cluster(urls.iter().map(String::as_str)).unwrap();
    shared(&layer.prefix(&prefix(test)).unwrap(), nodes, limits)
}

macro_rules! contract {
    ($($case:ident)*) => {
        contract! { @layer memory $($case)* }
        contract! { @layer redis $($case)* }
        contract! { @layer redis_cluster $($case)* }
    };
    (@layer $layer:ident $($case:ident)*) => {
        mod $layer {
            $(
                #[tokio::test]
                async fn $case() {
                    super::cases::$case(|nodes, limits| super::$layer(stringify!($case), nodes, limits)).await;
                }
            )*
        }
    };
}

contract! {
    changes_of_one_node_arrive_once_and_in_order
    a_subscriber_of_one_room_and_one_of_all_see_each_change_once
    who_has_joined_misses_nothing_that_comes_after
    who_has_left_hears_nothing_more_and_may_come_back
    a_topic_is_left_after_the_grace_and_can_be_joined_again
    any_node_answers_for_a_channel
    unknown_foreign_and_closed_channels_get_the_same_answer_at_any_node
    the_scope_is_that_of_the_node_that_was_asked
    filters_ids_and_data_reach_the_channel
    the_limits_of_the_channel_hold_at_any_node
    a_loss_is_told_to_every_node
    streams_are_delivered_beside_each_other
    who_moves_between_topics_sees_each_change_once
    no_duration_is_too_long
    a_node_that_ends_takes_its_channels_with_it
    a_hub_is_ready_when_it_hears_the_layer
}
